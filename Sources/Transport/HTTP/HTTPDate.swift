import Memory

/// Appends a time as IMF-fixdate (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
/// - Parameter milliseconds: since 1970, not negative, before the year 10000.
package func appendHTTPDate(milliseconds: Int64, to bytes: inout [UInt8]) {
    precondition(0..<253_402_300_800_000 ~= milliseconds, "years have four digits")
    let seconds = milliseconds / 1000
    let days = seconds / 86_400
    // 1970-01-01 was a Thursday.
    let weekday = Int((days + 3) % 7)
    // Years are counted from March in eras of 400 years (146,097 days), so that the leap day is a year's last.
    let era = (days + 719_468) / 146_097
    let ofEra = (days + 719_468) % 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * ofYear + 2) / 153
    let day = ofYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = Int((monthFromMarch + 2) % 12)
    let year = era * 400 + yearOfEra + (month < 2 ? 1 : 0)
    bytes.append(ascii: weekdays[weekday])
    bytes.append(ascii: ", ")
    appendTwoDigits(day, to: &bytes)
    bytes.append(UInt8(ascii: " "))
    bytes.append(ascii: months[month])
    bytes.append(UInt8(ascii: " "))
    appendTwoDigits(year / 100, to: &bytes)
    appendTwoDigits(year % 100, to: &bytes)
    bytes.append(UInt8(ascii: " "))
    appendTwoDigits(seconds / 3600 % 24, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    appendTwoDigits(seconds / 60 % 60, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    appendTwoDigits(seconds % 60, to: &bytes)
    bytes.append(ascii: " GMT")
}

private let weekdays: [StaticString] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
private let months: [StaticString] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
]

private func appendTwoDigits(_ value: Int64, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10))
    bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
}
