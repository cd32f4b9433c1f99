import AlwaysOn
import ThingModel

/// Data shapes of the platform's own results (platform.md §6).
enum Shapes {
    static let all: [String: DataShape] = [
        "RootEntityList": "name*, description, tags TAGS, isSystemObject BOOLEAN, homeMashup MASHUPNAME, avatar IMAGELINK",
        "EntityList": "name*, description",
        "EntityDescriptor": "id, name, description, type, parentName, parentType",
        "EntitySummary": "name, description, homeMashup, tags TAGS, isSystemObject BOOLEAN",
        "EntitySearchResult": "name, description, type, parentName, parentType",
        "SpotlightSearch":
            "name, description, type, parentName, parentType, isSystemObject BOOLEAN, isExtension BOOLEAN, isEditable BOOLEAN, "
            + "isEditableExtensionObject BOOLEAN, isEditableSystemObject BOOLEAN, lastModifiedDate DATETIME, id",
        "PropertyDefinition": "name*, description, baseType, isReadOnly BOOLEAN, isPersistent BOOLEAN, isLogged BOOLEAN, category",
        "EventDefinition": "name*, description, dataShape",
        "FieldDefinition": "name*, description, baseType, isPrimaryKey BOOLEAN, dataShape",
        "PropertyDefinitionWithDetails":
            "name*, description, category, baseType, dataShape, defaultValue, isReadOnly BOOLEAN, isPersistent BOOLEAN, "
            + "isLogged BOOLEAN, isRemote BOOLEAN, remotePropertyName, remoteBindingAspects JSON, timeout INTEGER, pushType, "
            + "pushThreshold NUMBER, dataChangeType, dataChangeThreshold NUMBER",
        "ServiceDefinition": "name*, description, parameterDefinitions INFOTABLE, resultType INFOTABLE, category",
        "RemotePropertyBinding":
            "name*, sourceName, pushType, pushThreshold NUMBER, cacheTime INTEGER, timeout INTEGER, foldType, aspects JSON",
        "RemoteServiceBinding": "name*, sourceName, timeout INTEGER",
        "RemoteEventBinding": "name*, sourceName",
        "LocalPropertyBinding": "name*, sourceName, sourceThingName, aspects JSON",
        "NamedVTQ": "name, value VARIANT, time DATETIME, quality",
        "VTQ": "value VARIANT, time DATETIME, quality",
        "EdgeThingPropertyNotification": "edgeName, pushType, pushThreshold NUMBER",
        "EdgeThingEventNotification": "edgeName",
        "BulkProcessingReport": "name, success BOOLEAN, errorMessage",
        "PropertyList": "propertyName",
        "FileSystemFile": "name*, path, size NUMBER, fileType, lastModifiedDate DATETIME",
        "FileSystemDirectory": "name*, path, parentPath",
        "FileTransferJob":
            "transferId*, state, isComplete BOOLEAN, isAsync BOOLEAN, isQueueable BOOLEAN, sourceRepository, sourcePath, sourceFile, sourceChecksum, "
            + "targetRepository, targetPath, targetFile, targetChecksum, size NUMBER, maxSize NUMBER, startPosition NUMBER, bytesTransferred NUMBER, "
            + "blockSize INTEGER, blockCount INTEGER, isRestartEnabled BOOLEAN, code INTEGER, startTime DATETIME, endTime DATETIME, queueTime DATETIME, "
            + "enqueueTime DATETIME, enqueueCount NUMBER, reservationId, duration INTEGER, user, message, metadata JSON",
        "TunnelSession":
            "tunnelId*, tunnelName, targetThing, user, host, port INTEGER, proto, state, startTime DATETIME, endTime DATETIME, duration INTEGER, "
            + "numConnects INTEGER, bytesTransferred NUMBER, blockSize INTEGER, readTimeout INTEGER, code INTEGER, message, isComplete BOOLEAN, "
            + "idleTimeout INTEGER, connections INTEGER, address",
        "TunnelDefinition":
            "name*, description, host, port INTEGER, proto, numConnects INTEGER, appUri, idleTimeout INTEGER",
        "TunnelStatus": "enabled BOOLEAN, status, wsUrl, jwsUrl",
        "GenericStringList": "item",
        "Principal": "name, type",
        "GroupMember": "name, description, type",
        "Permissions": "name, type, permissionName, isPermitted BOOLEAN",
        "UserPermissions": "name, isPermitted BOOLEAN",
        "DeviceStatus":
            "name*, description, thingTemplate, tags TAGS, identifier, isConnected BOOLEAN, isReporting BOOLEAN, lastConnection DATETIME",
        "UnboundRemoteThings": "name, isIdentifier BOOLEAN",
        "LogEntry": "timestamp DATETIME, level, content, origin, instance, thread, user, session, platformId",
        "EndpointSession":
            "endpointId GUID, startDate DATETIME, lastUsedDate DATETIME, numberConnections INTEGER, numberBoundThings INTEGER, "
            + "appKeyName, authenticationType, userContext",
        "MessageStoreList": "ID, ConnectedThing, Type, Name, Value INFOTABLE, Timestamp DATETIME",
        "PerformanceMetrics": "name, description, value NUMBER",
        "EntityCount": "name, count INTEGER",
        "DynamicSubscription": "thingName, eventName, propertyName, serviceName, enabled BOOLEAN",
        "AccessRule": "number INTEGER*, principal, principalType, collection, entities, resource, rights, allow BOOLEAN, instances BOOLEAN",
        "ChartPoint": "timestamp DATETIME, count NUMBER, minimum NUMBER, maximum NUMBER, average NUMBER, last NUMBER",
        "EventRecord": "timestamp DATETIME, source, name, data JSON",
    ].mapValues { DataShape(ShapeText.fields($0)) }

    static func named(_ name: String) -> DataShape { all[name] ?? DataShape([]) }

    /// A table of a shape of these.
    static func table(_ name: String, _ rows: some Sequence<[Value]> = [[Value]]()) -> Infotable {
        var table = Infotable(named(name))
        for row in rows { table.append(row) }
        return table
    }

    /// Names with descriptions.
    static func list(_ names: some Sequence<(String, String)>) -> Infotable {
        table("EntityList", names.map { [.string($0.0), .string($0.1)] })
    }
}
