/// The columns of an infotable (alwayson.md §5).
public struct DataShape: Sendable, Equatable {
    /// One column.
    public struct Field: Sendable, Equatable {
        /// Unique in its data shape.
        public var name: String
        /// For people.
        public var description: String
        /// What its cells are.
        public var baseType: BaseType
        /// What else is known of it.
        public var aspects: [Aspect]

        /// A column of that name and base type.
        public init(_ name: String, _ baseType: BaseType, description: String = "", aspects: [Aspect] = []) {
            self.name = name
            self.baseType = baseType
            self.description = description
            self.aspects = aspects
        }
    }

    /// Something that is known of a field, such as its data shape.
    public struct Aspect: Sendable, Equatable {
        /// Such as `dataShape`.
        public var name: String
        /// What it says.
        public var value: Value

        /// An aspect of these two.
        public init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// In the order in which cells follow each other.
    public var fields: [Field]

    /// A shape with these columns.
    public init(_ fields: [Field]) { self.fields = fields }

    /// Where a field of that name stands; nil where there is none.
    public func index(of name: String) -> Int? { fields.firstIndex { $0.name == name } }
}

/// A data shape and rows. The cells of all rows lie in one array, row after row, each as long as the shape.
public struct Infotable: Sendable, Equatable {
    /// Its columns.
    public let shape: DataShape
    /// All cells, row after row.
    public private(set) var cells: [Value]
    /// How many rows there are.
    public private(set) var rowCount: Int

    /// A table without rows.
    public init(_ shape: DataShape) {
        self.shape = shape
        cells = []
        rowCount = 0
    }

    init(shape: DataShape, cells: [Value], rowCount: Int) {
        self.shape = shape
        self.cells = cells
        self.rowCount = rowCount
    }

    /// One field, one row: the form of a property's value and of a service's single result.
    public init(_ name: String, _ value: Value) {
        self.init(DataShape([.init(name, value.baseType)]))
        append([value])
    }

    /// One row, its shape taken from the values.
    public init(row: KeyValuePairs<String, Value>) { self.init(row: row.map { ($0.key, $0.value) }) }

    package init(row: [(String, Value)]) {
        self.init(DataShape(row.map { .init($0.0, $0.1.baseType) }))
        append(row.map(\.1))
    }

    package var storedSize: Int {
        let fields = shape.fields.reduce(0) { sum, field in
            sum + 96 + field.name.utf8.count + field.description.utf8.count
                + field.aspects.reduce(0) { $0 + 48 + $1.name.utf8.count + $1.value.storedSize }
        }
        return cells.reduce(64 + fields) { $0 + $1.storedSize }
    }

    /// Adds a row. Missing cells are empty.
    /// - Precondition: the row is not longer than the shape.
    public mutating func append(_ row: some Collection<Value>) {
        precondition(row.count <= shape.fields.count, "a row of \(row.count) cells for \(shape.fields.count) fields")
        cells.append(contentsOf: row)
        cells.append(contentsOf: repeatElement(.nothing, count: shape.fields.count - row.count))
        rowCount += 1
    }

    /// The cells of a row. Ends the program where there is no such row.
    public subscript(row row: Int) -> ArraySlice<Value> {
        let width = shape.fields.count
        return cells[row * width..<(row + 1) * width]
    }

    /// The cell of a row and a column; nil where there is no such column. Ends the program where there is no such row.
    public subscript(row: Int, name: String) -> Value? {
        guard row < rowCount, let column = shape.index(of: name) else { return nil }
        return cells[row * shape.fields.count + column]
    }

    /// The first row's cell of that name.
    public func first(_ name: String) -> Value? { self[0, name] }

    /// A parameter of a service: the first row's cell of that name, out of its variants; nil where nothing was given.
    public func parameter(_ name: String) -> Value? {
        guard let value = first(name)?.unwrapped, value != .nothing else { return nil }
        return value
    }
}
