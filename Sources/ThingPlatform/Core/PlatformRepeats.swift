import AlwaysOn
import Formats
import Formats
import NIOCore
import ThingModel

/// Requests of edges that say who they are: each is worked on once, however often it comes (`MessageIdentity`).
struct SeenMessages {
    private struct Source {
        let epoch: UInt64
        /// The name that the edge uses for the Thing.
        let name: String
        var numbers = SeenNumbers()
    }

    /// Processes of edges whose numbers are remembered for one Thing.
    private static let mostSources = 16
    /// Refusals that are remembered for one Thing.
    private static let mostRefusals = 64

    private var sources: [Source] = []
    /// What was answered to those of which a part was taken and a part refused.
    private var refusals: [(identity: MessageIdentity, response: Response)] = []

    /// What is answered to a repeat; nil where it is none.
    func answer(to identity: MessageIdentity, as name: String) -> Response? {
        guard sources.contains(where: { $0.epoch == identity.epoch && $0.name == name && $0.numbers.contains(identity.number) }) else {
            return nil
        }
        return refusals.first { $0.identity == identity }?.response ?? Response(.success)
    }

    mutating func insert(_ identity: MessageIdentity, as name: String, answered response: Response) {
        if let index = sources.firstIndex(where: { $0.epoch == identity.epoch && $0.name == name }) {
            sources[index].numbers.insert(identity.number)
            // The latest at the end: those at the front are forgotten first.
            if index != sources.count - 1 { sources.append(sources.remove(at: index)) }
        } else {
            if sources.count >= SeenMessages.mostSources { sources.removeFirst() }
            sources.append(Source(epoch: identity.epoch, name: name))
            sources[sources.count - 1].numbers.insert(identity.number)
        }
        guard !response.status.isSuccess else { return }
        if refusals.count >= SeenMessages.mostRefusals { refusals.removeFirst() }
        refusals.append((identity, response))
    }
}

/// As they are kept: requests of which a part was refused are answered as taken when they come again after a restart.
extension SeenMessages {
    init(text: String) {
        self.init()
        for item in (try? JSONValue(parsing: text))?.array ?? [] {
            guard let epoch = item["epoch"]?.string.flatMap({ UInt64($0) }), let name = item["as"]?.string,
                let numbers = item["numbers"]?.string.flatMap({ SeenNumbers(text: $0) })
            else { continue }
            sources.append(Source(epoch: epoch, name: name, numbers: numbers))
        }
    }

    var text: String {
        JSONValue.array(sources.map { ["epoch": .string(String($0.epoch)), "as": .string($0.name), "numbers": .string($0.numbers.text)] })
            .description
    }
}

/// What the headers of an edge's request say beside the request itself.
struct Delivery {
    var identity: MessageIdentity?
    /// When it was accepted, if that is longer ago: milliseconds since 1970 UTC.
    var time: Int64?
    var isLate: Bool { time != nil }

    static let live = Delivery()

    init(identity: MessageIdentity? = nil, time: Int64? = nil) {
        self.identity = identity
        self.time = time
    }

    init(_ request: Request) {
        identity = MessageIdentity.single(in: request.headers)
        // Live requests have one header at most.
        if request.headers.count > 1 || identity == nil {
            time = request.headers.first { $0.name == MessageIdentity.timeHeader }.flatMap { Int64($0.value.prefix { $0 != " " }) }
        }
    }
}

extension Platform {
    private func noteSeen(_ identity: MessageIdentity, as name: String, on thing: String, answered response: Response) {
        seen[thing, default: SeenMessages()].insert(identity, as: name, answered: response)
        guard model[thing: thing]?.isEphemeral == false else { return }
        // In one batch with what the request brought about; the text is made when the batch goes.
        commits.batch.seen[thing] = ""
    }

    /// What the batch that goes now says of requests that were worked on.
    func fillInSeen() {
        for thing in commits.batch.seen.keys { commits.batch.seen[thing] = seen[thing]?.text ?? "[]" }
    }

    /// A request of an edge, worked on unless it was before.
    func performOnce(_ request: Request, on thing: Thing, work: (Delivery) -> EventLoopFuture<Response>) -> EventLoopFuture<Response> {
        guard !request.headers.isEmpty else { return work(.live) }
        let delivery = Delivery(request)
        guard let identity = delivery.identity else { return work(delivery) }
        if let known = seen[thing.name]?.answer(to: identity, as: request.entityName) { return answer(known) }
        let response = work(delivery)
        // Before anybody is answered: what was asked for first is done first.
        response.whenSuccess { response in
            guard response.status.isSuccess else { return }
            self.assumeIsolated {
                $0.noteSeen(identity, as: request.entityName, on: thing.name, answered: response)
            }
        }
        return response
    }

    /// A push, which may be several joined: those of them that came before are left out.
    func push(_ request: Request, on thing: Thing) -> Response {
        guard let updates = request.content.flatMap({ PropertyUpdate.list(from: $0.decoded()) }) else {
            return Response(.badRequest, reason: "expected \"values\": an infotable of name, value, time, quality")
        }
        guard !request.headers.isEmpty else { return update(thing, with: updates).response }
        let delivery = Delivery(request)
        if let identity = delivery.identity { return push(updates, of: identity, as: request.entityName, time: delivery.time, on: thing) }
        let parts = MessageIdentity.parts(in: request.headers)
        let time = delivery.time
        guard !parts.isEmpty else { return update(thing, with: updates, Delivery(time: time)).response }
        guard parts.reduce(0, { $0 + ($1.rows ?? 0) }) == updates.count else {
            return Response(.badRequest, reason: "\(MessageIdentity.header) speaks of other rows than the \(updates.count) that there are")
        }
        var refused: Response?
        var start = 0
        for part in parts {
            let end = start + (part.rows ?? 0)
            let answer = push(Array(updates[start..<end]), of: part.identity, as: request.entityName, time: time ?? 0, on: thing)
            if !answer.status.isSuccess { refused = refused ?? answer }
            start = end
        }
        return refused ?? Response(.success)
    }

    private func push(_ updates: [PropertyUpdate], of identity: MessageIdentity, as name: String, time: Int64?, on thing: Thing) -> Response
    {
        if let known = seen[thing.name]?.answer(to: identity, as: name) { return known }
        // What the ones before have brought about counts.
        let thing = model[thing: thing.name] ?? thing
        let (response, stored) = update(thing, with: updates, Delivery(identity: identity, time: time), as: name)
        // One of which nothing was taken is looked at anew: the property may be there by then.
        if response.status.isSuccess || stored > 0 {
            noteSeen(identity, as: name, on: thing.name, answered: response)
        }
        return response
    }
}
