import AlwaysOn
import Formats
import ThingModel

/// Services that define properties, services and events, on Things, templates and shapes (platform.md §8, §9).
extension ServiceTables {
    static let definitionServices: [Service] = [
        Service(
            "AddPropertyDefinition", .update, "Defines a property",
            "name!, type!, description, category, dataShape, defaultValue, readOnly BOOLEAN=false, persistent BOOLEAN=false, "
                + "logged BOOLEAN=false, dataChangeType=VALUE, dataChangeThreshold NUMBER=0, remote BOOLEAN=false, remotePropertyName, "
                + "timeout INTEGER=0, pushType=VALUE, pushThreshold NUMBER=0, remoteBindingAspects JSON"
        ) { platform, call in
            let name = try call.name()
            let definition = try platform.propertyDefinition(from: call, named: name)
            try platform.add(definition, named: name, to: call)
            return .nothing
        },
        Service(
            "AddPropertyDefinitions", .update, "Defines several properties", "values INFOTABLE!, ignoreInvalidDefinitions BOOLEAN=false",
            "INFOTABLE:BulkProcessingReport"
        ) { try $0.addPropertyDefinitions($1) },
        Service("RemovePropertyDefinition", .update, "Removes a property that is defined here", "name!") { platform, call in
            let name = try call.required("name")
            try platform.changeDefinitions(call) { own, effective in
                guard own.properties.removeValue(forKey: name) != nil else {
                    throw effective.properties[name] == nil
                        ? ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)")
                        : ServiceFailure(
                            .internalError,
                            "Unable to Invoke Service RemovePropertyDefinition on \(call.entity.name) : \(name) is inherited")
                }
            }
            if call.entity.kind == .thing, platform.model[thing: call.entity.name]?.properties[name] == nil {
                platform.forget(PropertyRef(thing: call.entity.name, property: name))
            }
            return .nothing
        },
        Service(
            "GetPropertyDefinitions", .view, "Properties, inherited ones too", "category, type, dataShape", "INFOTABLE:PropertyDefinition"
        ) { platform, call in
            let (category, type, shape) = (try call.string("category"), try call.string("type"), try call.string("dataShape"))
            return .table(
                platform.propertyDefinitions(of: call.entity) { _, definition in
                    (category ?? definition.category) == definition.category
                        && (type?.uppercased() ?? definition.baseType.name) == definition.baseType.name
                        && (shape ?? definition.dataShape) == definition.dataShape
                })
        },
        Service("GetPropertyDefinition", .view, "A property", "name!", "INFOTABLE:PropertyDefinition") { platform, call in
            let name = try call.required("name")
            let table = platform.propertyDefinitions(of: call.entity) { found, _ in found == name }
            guard table.rowCount > 0 else { throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)") }
            return .table(table)
        },
        Service(
            "AddServiceDefinition", .update, "Defines a service that runs at the edge; without remote an empty one",
            "name!, description, category, parameters INFOTABLE, resultType INFOTABLE, remote BOOLEAN=false, remoteServiceName, "
                + "timeout INTEGER=0"
        ) { try $0.addServiceDefinition($1) },
        Service("RemoveServiceDefinition", .update, "Removes a service that is defined here", "name!") { platform, call in
            let name = try call.required("name")
            try platform.changeDefinitions(call) { own, _ in
                guard own.services.removeValue(forKey: name) != nil else {
                    throw ServiceFailure(.notFound, "\(call.entity.name) defines no service \(name)")
                }
            }
            return .nothing
        },
        Service(
            "GetServiceDefinitions", .view, "Services, inherited ones and the platform's too", "category, type, dataShape",
            "INFOTABLE:ServiceDefinition"
        ) { platform, call in
            let category = try call.string("category")
            return .table(
                platform.serviceDefinitions(of: call.entity) { _, definition in (category ?? definition.category) == definition.category })
        },
        Service("GetServiceDefinition", .view, "A service", "name!", "INFOTABLE:ServiceDefinition") { platform, call in
            let name = try call.required("name")
            let table = platform.serviceDefinitions(of: call.entity) { found, _ in found == name }
            guard table.rowCount > 0 else { throw ServiceFailure(.notFound, "there is no service \(name) on \(call.entity.name)") }
            return .table(table)
        },
        Service(
            "AddEventDefinition", .update, "Defines an event",
            "name!, description, category, dataShape, remote BOOLEAN=false, remoteEventName"
        ) { platform, call in
            let name = try call.name()
            var event = EventDefinition()
            (event.description, event.category) = (try call.string("description") ?? "", try call.string("category") ?? "")
            event.dataShape = try call.string("dataShape") ?? ""
            if try call.bool("remote") == true { event.remoteName = try call.string("remoteEventName") ?? name }
            try platform.changeDefinitions(call) { own, effective in
                guard effective.events[name] == nil else {
                    throw ServiceFailure(.forbidden, "\(call.entity.name) has an event \(name) already")
                }
                own.events[name] = event
            }
            return .nothing
        },
        Service("RemoveEventDefinition", .update, "Removes an event that is defined here", "name!") { platform, call in
            let name = try call.required("name")
            try platform.changeDefinitions(call) { own, _ in
                guard own.events.removeValue(forKey: name) != nil else {
                    throw ServiceFailure(.notFound, "\(call.entity.name) defines no event \(name)")
                }
            }
            return .nothing
        },
        Service("GetEventDefinitions", .view, "Events, inherited ones too", "category, type, dataShape", "INFOTABLE:EventDefinition") {
            platform, call in
            .table(platform.eventDefinitions(of: call.entity) { _ in true })
        },
        Service("GetEventDefinition", .view, "An event", "name!", "INFOTABLE:EventDefinition") { platform, call in
            let name = try call.required("name")
            let table = platform.eventDefinitions(of: call.entity) { $0 == name }
            guard table.rowCount > 0 else { throw ServiceFailure(.notFound, "\(call.entity.name) has no event \(name)") }
            return .table(table)
        },
        Service("GetMetadataAsJSON", .view, "All definitions", "", "JSON") { .json($0.metadata(of: $1.entity)) },
        Service("GetInstanceMetadataAsJSON", .view, "All definitions", "", "JSON") { .json($0.metadata(of: $1.entity)) },
        Service("GetMetadata", .view, "All definitions", "", "JSON") { .json($0.metadata(of: $1.entity)) },
        Service(
            "SetRemotePropertyBinding", .update, "Binds a property to one of the edge",
            "propertyName!, sourcePropertyName, pushType=VALUE, pushThreshold NUMBER=0, cacheTime INTEGER=0, timeout INTEGER=0, "
                + "foldType=NONE, aspects JSON"
        ) { try $0.setRemotePropertyBinding($1) },
        Service(
            "GetRemotePropertyBinding", .view, "How a property is bound to the edge", "propertyName!", "INFOTABLE:RemotePropertyBinding"
        ) { platform, call in
            let name = try call.required("propertyName")
            guard let definition = platform.effective(of: call.entity).properties[name] else {
                throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)")
            }
            guard let binding = definition.remote else { return .table(Shapes.table("RemotePropertyBinding")) }
            return .table(
                Shapes.table(
                    "RemotePropertyBinding",
                    [
                        [
                            .string(name), .string(binding.sourceName), .string(binding.pushType.rawValue), .number(binding.pushThreshold),
                            .integer(Int32(clamping: binding.cacheTime)), .integer(Int32(clamping: binding.timeout)),
                            .string(binding.foldType),
                            .text(.json, JSONValue.object(binding.aspects).description),
                        ]
                    ]))
        },
        Service("RemoveRemotePropertyBinding", .update, "The property lives here from now on; its last value stays", "propertyName!") {
            platform, call in
            try platform.changeProperty(try call.required("propertyName"), call) { $0.remote = nil }
            return .nothing
        },
        Service(
            "SetRemoteServiceBinding", .update, "Binds a service to one of the edge", "serviceName!, sourceServiceName, timeout INTEGER=0"
        ) { platform, call in
            let name = try call.required("serviceName")
            var binding = RemoteServiceBinding(sourceName: try call.string("sourceServiceName") ?? name)
            binding.timeout = try call.milliseconds("timeout") ?? 0
            try platform.changeDefinitions(call) { own, effective in
                guard var service = effective.services[name] else {
                    throw ServiceFailure(.notFound, "\(call.entity.name) has no service \(name)")
                }
                service.remote = binding
                own.services[name] = service
            }
            return .nothing
        },
        Service("GetRemoteServiceBinding", .view, "How a service is bound to the edge", "serviceName!", "INFOTABLE:RemoteServiceBinding") {
            platform, call in
            let name = try call.required("serviceName")
            let binding = platform.effective(of: call.entity).services[name]?.remote
            return .table(
                Shapes.table(
                    "RemoteServiceBinding",
                    binding.map { [[.string(name), .string($0.sourceName), .integer(Int32(clamping: $0.timeout))]] } ?? []))
        },
        Service("RemoveRemoteServiceBinding", .update, "The service is not the edge's any more", "serviceName!") { platform, call in
            let name = try call.required("serviceName")
            try platform.changeDefinitions(call) { own, effective in
                guard var service = effective.services[name] else {
                    throw ServiceFailure(.notFound, "\(call.entity.name) has no service \(name)")
                }
                service.remote = nil
                own.services[name] = service
            }
            return .nothing
        },
        Service("SetRemoteEventBinding", .update, "Binds an event to one of the edge", "eventName!, sourceEventName") { platform, call in
            let name = try call.required("eventName")
            let source = try call.string("sourceEventName") ?? name
            try platform.changeEvent(name, call) { $0.remoteName = source }
            return .nothing
        },
        Service("GetRemoteEventBinding", .view, "How an event is bound to the edge", "eventName!", "INFOTABLE:RemoteEventBinding") {
            platform, call in
            let name = try call.required("eventName")
            let source = platform.effective(of: call.entity).events[name]?.remoteName
            return .table(Shapes.table("RemoteEventBinding", source.map { [[.string(name), .string($0)]] } ?? []))
        },
        Service("RemoveRemoteEventBinding", .update, "The event is not the edge's any more", "eventName!") { platform, call in
            try platform.changeEvent(try call.required("eventName"), call) { $0.remoteName = nil }
            return .nothing
        },
        Service(
            "SetLocalPropertyBinding", .update, "The property follows one of another Thing",
            "propertyName!, sourceThingName!, sourcePropertyName, aspects JSON"
        ) { platform, call in
            let (name, source) = (try call.required("propertyName"), try call.required("sourceThingName"))
            guard let thing = platform.model[thing: source] else { throw ServiceFailure.notFound(.thing, source) }
            try platform.demand(.read, EntityRef(.thing, source), call)
            var binding = LocalPropertyBinding(thing: source, property: try call.string("sourcePropertyName") ?? name)
            guard thing.properties[binding.property] != nil else {
                throw ServiceFailure(.notFound, "\(source) has no property \(binding.property)")
            }
            binding.aspects = try call.json("aspects")?.object ?? JSONObject()
            try platform.changeProperty(name, call) { $0.local = binding }
            if let value = platform.model.values[source, binding.property], let target = platform.model[thing: call.entity.name],
                let type = target.properties[name]?.baseType, let converted = value.value.coerced(to: type)
            {
                platform.store(name, converted, of: target, time: value.time, quality: value.quality)
            }
            return .nothing
        },
        Service("GetLocalPropertyBinding", .view, "Which property it follows", "propertyName!", "INFOTABLE:LocalPropertyBinding") {
            platform, call in
            let name = try call.required("propertyName")
            let binding = platform.effective(of: call.entity).properties[name]?.local
            return .table(
                Shapes.table(
                    "LocalPropertyBinding",
                    binding.map {
                        [[.string(name), .string($0.property), .string($0.thing), .text(.json, JSONValue.object($0.aspects).description)]]
                    } ?? []))
        },
        Service("RemoveLocalPropertyBinding", .update, "The property follows no other any more", "propertyName!") { platform, call in
            try platform.changeProperty(try call.required("propertyName"), call) { $0.local = nil }
            return .nothing
        },
    ]
}
