import AlwaysOn
import NIOCore

/// Services: those that every Thing has here, all others at the edge.
extension Platform {
    func invoke(_ request: Request, on thing: Thing) -> EventLoopFuture<Response> {
        switch request.name {
        case "UpdateSubscribedPropertyValues":
            return answer(push(request, on: thing))
        case "GetPropertySubscriptions": return answer(.success(subscriptions(of: thing)))
        case "GetPropertyValues": return read("*", of: thing)
        case "IsConnected" where model.isRemote(thing): return answer(.result(.boolean(thing.isConnected)))
        default:
            guard model.isRemote(thing) else {
                return answer(Response(.notFound, reason: "\(thing.name) has no service \(request.name)"))
            }
            return forward(request, to: thing)
        }
    }
}
