/// Which passwords are refused (security.md "Passwords"): by length and because everybody tries them first; there are
/// no rules of composition.
package enum PasswordPolicy {
    package enum Problem: Sendable, Equatable { case tooShort, tooLong, tooCommon }

    /// In characters (Unicode scalars).
    package static let lengthMin = 8
    package static let lengthMax = 256

    /// Nil when the password may be used.
    package static func check(_ password: String) -> Problem? {
        let length = password.unicodeScalars.count
        if length < lengthMin { return .tooShort }
        if length > lengthMax { return .tooLong }
        return common.contains(password.lowercased()) ? .tooCommon : nil
    }

    /// The most common ones of at least eight characters in published leaks, in lower case.
    private static let common = Set(
        """
        password password1 password12 password123 password1234 password! password1! p@ssw0rd p@ssword passw0rd
        passw0rd! pa55word passwort passwords password2 password3 password99 mypassword thepassword drowssap 12345678
        123456789 1234567890 12345678910 123456789a a123456789 0123456789 0987654321 987654321 9876543210 87654321
        11111111 111111111 1111111111 00000000 000000000 0000000000 22222222 33333333 44444444 55555555 66666666
        77777777 88888888 888888888 99999999 999999999 12341234 123412345 12121212 11223344 1122334455 11112222
        12344321 123321123 123123123 123123123123 123454321 12345679 12345678a 123456aa 123456abc abc12345 abc123456
        abcd1234 abcd12345 abcdefgh abcdefghi abcdefg1 abcdef123 a1b2c3d4 a1b2c3d4e5 aa123456 aa12345678 a1234567
        a12345678 1a2b3c4d 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qaz@wsx qazwsxedc qazwsx123
        zaq12wsx zaq1zaq1 zaq1xsw2 q1w2e3r4 q1w2e3r4t5 qwer1234 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456
        qwertyui qwertyuiop qwertyuiop1 qwertz123 qwertzui qwertzuiop azertyui azertyuiop asdfasdf asdfghjk asdfghjkl
        asdf1234 asdfqwer zxcvbnm1 zxcvbnm123 zxcvbnmm 1234qwer 123qweasd 123qwe123 123456qwerty 12345qwert qweasdzxc
        qweqweqwe wertyuiop poiuytrewq lkjhgfdsa mnbvcxz1 q1q1q1q1 iloveyou iloveyou1 iloveyou2 iloveyou! iloveu123
        loveyou1 lovelove loveme123 sunshine sunshine1 princess princess1 football football1 baseball baseball1
        basketball superman superman1 batman123 spiderman starwars starwars1 pokemon1 pokemon123 minecraft welcome1
        welcome12 welcome123 welcome1! letmein1 letmein123 letmein! trustno1 changeme changeme1 changeme123 changeit
        admin123 admin1234 admin12345 administrator adminadmin rootroot root1234 toor1234 test1234 test12345 testtest
        testing1 testing123 guest123 user1234 username default1 internet computer computer1 whatever whatever1
        michelle michael1 jennifer jennifer1 jessica1 jonathan charlie1 samantha victoria veronica danielle elizabeth
        alexander alexandra benjamin chocolate chocolate1 butterfly liverpool liverpool1 chelsea1 arsenal1 juventus
        barcelona realmadrid manchester newyork1 monkey123 dragon123 shadow123 master123 killer123 hello123 hello1234
        helloworld hellohello goodluck blink182 corvette mercedes maverick midnight mustang1 fuckyou1 fuckyou2
        asshole1 pussycat babygirl babygirl1 brooklyn caroline christian sweetheart jordan23 jordan123 nicholas
        patricia patrick1 september november december summer2023 summer2024 summer2025 winter2023 winter2024
        winter2025 spring2024 spring2025 secret123 security access14 access123 login123 temp1234 temporary qwerty!@
        !qaz2wsx !qaz@wsx 1qazxsw2 google123 facebook facebook1 linkedin samsung1 samsung123 snoopy123 scooter1
        tinkerbell garfield marlboro metallica slipknot nirvana1 rangers1 steelers yankees1 cowboys1 warcraft
        counterstrike playstation nintendo matrix123 lol12345 asd123456 asd12345 zxc12345 xxxxxxxx aaaaaaaa aaaaaaaaaa
        abcabcabc
        """.split { $0 == " " || $0 == "\n" }.map(String.init))
}
