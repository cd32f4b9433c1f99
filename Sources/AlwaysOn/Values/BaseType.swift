/// The type of a value (alwayson.md §4); the raw value is its number on the wire.
public enum BaseType: UInt8, Sendable, CaseIterable {
    case string = 0
    case number = 1
    case boolean = 2
    case datetime = 3
    case timespan = 4
    case infotable = 5
    case location = 6
    case xml = 7
    case json = 8
    case query = 9
    case image = 10
    case hyperlink = 11
    case imagelink = 12
    case password = 13
    case html = 14
    case text = 15
    case tags = 16
    case schedule = 17
    case variant = 18
    case guid = 20
    case blob = 21
    case integer = 22
    case propertyName = 50
    case serviceName = 51
    case eventName = 52
    case thingName = 100
    case thingShapeName = 101
    case thingTemplateName = 102
    case dataShapeName = 104
    case mashupName = 105
    case menuName = 106
    case baseTypeName = 107
    case userName = 108
    case groupName = 109
    case categoryName = 110
    case stateDefinitionName = 111
    case styleDefinitionName = 112
    case modelTagVocabularyName = 113
    case dataTagVocabularyName = 114
    case networkName = 115
    case mediaEntityName = 116
    case applicationKeyName = 117
    case localizationTableName = 118
    case organizationName = 119
    case dashboardName = 120
    case nothing = 0xFF

    /// The name that ThingWorx uses in JSON: the case's name in capitals.
    public var name: String { BaseType.names[Int(rawValue)] }

    /// - Parameter name: matched without regard to case.
    public init?(name: some StringProtocol) {
        guard let found = BaseType.byName[name.uppercased()] else { return nil }
        self = found
    }

    /// Whether the wire form is a plain string.
    public var isText: Bool {
        switch self {
        case .number, .boolean, .datetime, .timespan, .infotable, .location, .image, .variant, .blob, .integer, .nothing: false
        default: true
        }
    }

    /// Whether the text is itself JSON and stands unquoted in the JSON form.
    public var isJSONText: Bool { self == .json || self == .query || self == .schedule }

    private static let names: [String] = {
        var names = [String](repeating: "", count: 256)
        for type in allCases { names[Int(type.rawValue)] = "\(type)".uppercased() }
        return names
    }()

    /// LONG, of newer platforms, has no number on the wire that is known (alwayson.md §4); its values travel as numbers, which hold
    /// them exactly up to 2^53.
    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ("\($0)".uppercased(), $0) }).merging(["LONG": .number]) {
        first, _ in first
    }
}
