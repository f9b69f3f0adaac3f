import Memory

/// What a time takes.
package let timeBytes = 24

/// Appends a time as RFC 3339 §5.6 writes it, UTC with milliseconds: `2026-11-22T09:00:00.123Z`.
/// - Parameter milliseconds: since 1970, in the years 0 to 9999.
package func appendTime(milliseconds: Int64, to bytes: inout OutputSpan<UInt8>) {
    let millisecondsOfDay: Int64 = 86_400_000
    let day = milliseconds >= 0 ? milliseconds / millisecondsOfDay : (milliseconds + 1) / millisecondsOfDay - 1
    let ofDay = milliseconds - day * millisecondsOfDay
    let date = civilDate(daysSince1970: day)
    precondition(0...9999 ~= date.year, "RFC 3339 has years of four digits")
    var text = InlineArray<24, UInt8>(repeating: UInt8(ascii: "Z"))
    let year = UInt32(date.year), second = UInt32(ofDay / 1000), ofSecond = UInt32(ofDay % 1000)
    text.write(pair: year / 100, at: 0)
    text.write(pair: year % 100, at: 2)
    text[4] = UInt8(ascii: "-")
    text.write(pair: UInt32(date.month), at: 5)
    text[7] = UInt8(ascii: "-")
    text.write(pair: UInt32(date.day), at: 8)
    text[10] = UInt8(ascii: "T")
    text.write(pair: second / 3_600, at: 11)
    text[13] = UInt8(ascii: ":")
    text.write(pair: second / 60 % 60, at: 14)
    text[16] = UInt8(ascii: ":")
    text.write(pair: second % 60, at: 17)
    text[19] = UInt8(ascii: ".")
    text.write(pair: ofSecond / 10, at: 20)
    text[22] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: ofSecond % 10)
    bytes.append(span: text.span)
}

/// The date in the proleptic Gregorian calendar. Years are counted from March, so that the leap day is a year's last,
/// in eras of 400 years, which all have 146,097 days; 719,468 days lie between 0000-03-01 and 1970-01-01.
private func civilDate(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let days = daysSince1970 + 719_468
    let era = (days >= 0 ? days : days - 146_096) / 146_097
    let ofEra = days - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * ofYear + 2) / 153
    let day = ofYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
}
