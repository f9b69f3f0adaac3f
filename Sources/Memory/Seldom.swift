/// What begins empty, and remains so for most of its holders.
package protocol Emptiable {
    init()
}

/// A value that takes no more than a reference until it is changed for the first time.
@propertyWrapper package struct Seldom<Value: Emptiable> {
    private final class Box {
        var value: Value
        init(_ value: Value) { self.value = value }
    }

    private var box: Box?

    package init() {}

    package var wrappedValue: Value {
        get { box?.value ?? Value() }
        _modify {
            if !isKnownUniquelyReferenced(&box) { box = Box(box?.value ?? Value()) }
            yield &box!.value
        }
    }
}
