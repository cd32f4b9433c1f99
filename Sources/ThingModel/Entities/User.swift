package struct User: Sendable, Equatable {
    package let name: String
    package var about = EntityAbout()
    package var isEnabled = true
    package var isLocked = false
    /// nil: nobody signs in as this user, keys alone stand for it.
    package var password: PasswordHash?

    package init(name: String) { self.name = name }
}

/// A set of users and groups.
package struct Group: Sendable, Equatable {
    package struct Member: Sendable, Hashable {
        package var name: String
        package var isGroup: Bool

        package init(name: String, isGroup: Bool) {
            self.name = name
            self.isGroup = isGroup
        }
    }

    package let name: String
    package var about = EntityAbout()
    package var members: [Member] = []

    package init(name: String) { self.name = name }
}
