import AlwaysOn
import Formats
import ThingModel

/// A description of the REST interface for tools, made from the tables of services.
enum OpenAPI {
    private static let about =
        "The REST interface of a ThingWorx platform, as far as a development platform offers it. "
        + "POST, PUT and DELETE need Content-Type: application/json."

    static let document: JSONValue = {
        var paths = JSONObject()
        for kind in [EntityKind.thing, .thingTemplate, .thingShape, .dataShape, .user, .group, .applicationKey, .project] {
            add(kind, &paths)
        }
        for (name, services) in ServiceTables.resources.sorted(by: { $0.key < $1.key }) {
            add(services, at: "/Resources/\(name)", tag: name, &paths, hasEntity: false)
        }
        for (name, services) in ServiceTables.subsystems.sorted(by: { $0.key < $1.key }) {
            add(services, at: "/Subsystems/\(name)", tag: name, &paths, hasEntity: false)
        }
        addOwn(&paths)
        return [
            "openapi": "3.0.3",
            "info": [
                "title": "thingplatform", "version": "1.0",
                "description": .string(about),
            ],
            "servers": [["url": "/Thingworx"]],
            "security": [["appKey": []], ["basic": []], ["session": []]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": [
                    "appKey": ["type": "apiKey", "in": "header", "name": "appKey"], "basic": ["type": "http", "scheme": "basic"],
                    "session": ["type": "apiKey", "in": "cookie", "name": "JSESSIONID"],
                ],
                "schemas": [
                    "Infotable": [
                        "type": "object", "required": ["dataShape", "rows"],
                        "properties": [
                            "dataShape": ["type": "object", "properties": ["fieldDefinitions": ["type": "object"]]],
                            "rows": ["type": "array", "items": ["type": "object"]],
                        ],
                    ],
                    "Error": [
                        "type": "object", "required": ["status", "message"],
                        "properties": ["status": ["type": "integer"], "message": ["type": "string"]],
                    ],
                ],
                "parameters": [
                    "name": [
                        "name": "name", "in": "path", "required": true, "schema": ["type": "string", "minLength": 1, "maxLength": 1024],
                    ],
                    "item": [
                        "name": "item", "in": "path", "required": true, "schema": ["type": "string", "minLength": 1, "maxLength": 1024],
                    ],
                ],
                "responses": [
                    "Error": [
                        "description": "What is wrong",
                        "content": [
                            "application/json;charset=UTF-8": ["schema": ["$ref": "#/components/schemas/Error"]],
                            "text/plain;charset=UTF-8": ["schema": ["type": "string"]],
                        ],
                    ]
                ],
            ],
        ]
    }()

    private static let name: JSONValue = ["$ref": "#/components/parameters/name"]
    private static let item: JSONValue = ["$ref": "#/components/parameters/item"]
    private static let table: JSONValue = ["$ref": "#/components/schemas/Infotable"]
    private static let object: JSONValue = ["type": "object"]

    private static func add(_ kind: EntityKind, _ paths: inout JSONObject) {
        let tag = kind.rawValue
        paths["/\(tag)"] = [
            "get": operation("List\(tag)", tag, "All that one may see", result: table),
            "put": operation("Put\(tag)", tag, "Makes or changes one, which the body names", body: object),
        ]
        paths["/\(tag)/{name}"] = [
            "parameters": [name], "get": operation("Get\(kind.singular)", tag, "The whole definition", result: object),
            "put": operation("Put\(kind.singular)", tag, "Makes it, or changes what the body names", body: object),
            "delete": operation("Delete\(kind.singular)", tag, "Deletes it"),
        ]
        for word in ["PropertyDefinitions", "ServiceDefinitions", "EventDefinitions"] {
            paths["/\(tag)/{name}/\(word)"] = [
                "parameters": [name],
                "get": operation("List\(kind.singular)\(word)", tag, "Definitions, inherited ones too", result: table),
            ]
            paths["/\(tag)/{name}/\(word)/{item}"] = [
                "parameters": [name, item], "get": operation("Get\(kind.singular)\(word)", tag, "One definition", result: table),
            ]
        }
        paths["/\(tag)/{name}/Metadata"] = [
            "parameters": [name], "get": operation("Get\(kind.singular)Metadata", tag, "All definitions", result: object),
        ]
        let services: [String: Service] =
            switch kind {
            case .thing:
                ServiceTables.things.merging(ServiceTables.remoteThings) { mine, _ in mine }.merging(ServiceTables.repositories) {
                    mine, _ in mine
                }
            case .thingTemplate: ServiceTables.templates
            case .thingShape: ServiceTables.shapes
            case .dataShape: ServiceTables.dataShapes
            case .user: ServiceTables.users
            case .group: ServiceTables.groups
            case .applicationKey: ServiceTables.keys
            default: ServiceTables.others
            }
        add(services, at: "/\(tag)/{name}", tag: tag, &paths, hasEntity: true)
        guard kind == .thing else { return }
        paths["/Things/{name}/Properties"] = ["parameters": [name], "get": operation("GetProperties", tag, "All values", result: table)]
        paths["/Things/{name}/Properties/{item}"] = [
            "parameters": [name, item], "get": operation("GetProperty", tag, "A value", result: table),
            "put": operation("PutProperty", tag, "Sets a value; with * as name several", body: object),
            "delete": operation("DeleteProperty", tag, "Back to the default value"),
        ]
        paths["/Things/{name}/PropertiesVTQ"] = [
            "parameters": [name], "get": operation("GetPropertiesVTQ", tag, "All values with time and quality", result: table),
        ]
        paths["/Things/{name}/Events/{item}"] = [
            "parameters": [name, item], "post": operation("FireEvent", tag, "Fires an event", body: object),
        ]
    }

    private static func add(_ services: [String: Service], at path: String, tag: String, _ paths: inout JSONObject, hasEntity: Bool) {
        for service in services.values.sorted(by: { $0.name < $1.name }) {
            var entry: JSONObject = [
                "post": operation(
                    "\(tag)_\(service.name)", tag, service.definition.description, body: body(of: service.definition),
                    result: result(of: service.definition))
            ]
            if hasEntity { entry["parameters"] = [name] }
            paths["\(path)/Services/\(service.name)"] = .object(entry)
        }
    }

    private static func addOwn(_ paths: inout JSONObject) {
        paths["/health"] = ["get": operation("GetHealth", "Platform", "Whether it lives", result: object, isOpen: true)]
        paths["/FileRepositories/{name}/{item}"] = [
            "parameters": [name, item],
            "get": operation(
                "GetFile", "Files", "A file of a repository, or the range of it that is asked for",
                result: ["type": "string", "format": "binary"]),
        ]
        paths["/Sessions"] = [
            "get": operation("GetSession", "Platform", "Who has signed in", result: object),
            "delete": operation("EndSession", "Platform", "Signs out"),
            "post": operation(
                "BeginSession", "Platform", "Signs in",
                body: [
                    "type": "object",
                    "properties": ["user": ["type": "string"], "password": ["type": "string"], "token": ["type": "string"]],
                ], result: object, isOpen: true),
        ]
    }

    private static func operation(
        _ id: String, _ tag: String, _ text: String, body: JSONValue? = nil, result: JSONValue? = nil, isOpen: Bool = false
    ) -> JSONValue {
        var success: JSONObject = ["description": result == nil ? "Done; the body is empty" : "The result"]
        if let result { success["content"] = ["application/json;charset=UTF-8": ["schema": result]] }
        var operation: JSONObject = [
            "operationId": .string(id), "tags": [.string(tag)], "summary": .string(text),
            "responses": ["200": .object(success), "default": ["$ref": "#/components/responses/Error"]],
        ]
        if let body { operation["requestBody"] = ["required": false, "content": ["application/json": ["schema": body]]] }
        if isOpen { operation["security"] = [] }
        return .object(operation)
    }

    private static func body(of definition: ServiceDefinition) -> JSONValue {
        var properties = JSONObject()
        var required: [JSONValue] = []
        for field in definition.parameters {
            var schema = self.schema(field.baseType)
            if let standard = field.aspect("defaultValue") { schema["default"] = standard.json }
            properties[field.name] = .object(schema)
            if field.aspect("isRequired")?.boolValue == true { required.append(.string(field.name)) }
        }
        var object: JSONObject = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { object["required"] = .array(required) }
        return .object(object)
    }

    private static func schema(_ type: BaseType) -> JSONObject {
        switch type {
        case .number: ["type": "number"]
        case .integer: ["type": "integer", "format": "int32"]
        case .boolean: ["type": "boolean"]
        case .datetime: ["oneOf": [["type": "integer", "format": "int64"], ["type": "string", "format": "date-time"]]]
        case .infotable, .json, .query, .location: ["type": "object"]
        case .tags: ["oneOf": [["type": "string"], ["type": "array", "items": ["type": "object"]]]]
        case .password: ["type": "string", "format": "password"]
        default: ["type": "string"]
        }
    }

    private static func result(of definition: ServiceDefinition) -> JSONValue? {
        switch definition.result.baseType {
        case .nothing: nil
        case .json: object
        default: table
        }
    }
}
