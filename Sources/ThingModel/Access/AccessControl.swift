/// All rules, and what they say. Denied by default; what one rule refuses, no other allows; members of the group Administrators may
/// do everything.
package struct AccessControl: Sendable {
    /// What the rules say of one request, and why.
    package struct Judgement: Sendable {
        package enum Cause: Sendable {
            case administrator
            case rule(number: Int, AccessRule)
            case noRule
        }

        package var isAllowed: Bool
        package var cause: Cause
    }

    /// By number, which a rule keeps as long as it is there.
    package private(set) var rules: [Int: AccessRule] = [:]
    private var byEntity: [EntityRef: [Int]] = [:]
    /// Rules for the instances of one template.
    private var byTemplate: [String: [Int]] = [:]
    /// Rules whose patterns have to be matched.
    private var others: [Int] = []
    package private(set) var lastNumber = 0

    package init() {}

    /// - Parameter number: of a rule that was kept; nil: the next.
    /// - Returns: its number.
    @discardableResult
    package mutating func add(_ rule: AccessRule, number: Int? = nil) -> Int {
        let number = number ?? lastNumber + 1
        lastNumber = max(lastNumber, number)
        rules[number] = rule
        index(rule) { $0.append(number) }
        return number
    }

    package mutating func remove(_ number: Int) {
        guard let rule = rules.removeValue(forKey: number) else { return }
        index(rule) { $0.removeAll { $0 == number } }
    }

    private mutating func index(_ rule: AccessRule, _ change: (inout [Int]) -> Void) {
        guard let kind = rule.kind, rule.entities.count == 1, let name = rule.entities[0].name else { return change(&others) }
        if rule.isForInstances { change(&byTemplate[name, default: []]) } else { change(&byEntity[EntityRef(kind, name), default: []]) }
    }

    /// Rules that name just this entity, by number.
    package func rules(of entity: EntityRef, forInstances: Bool = false) -> [(number: Int, rule: AccessRule)] {
        let numbers = forInstances ? byTemplate[entity.name] ?? [] : byEntity[entity] ?? []
        return numbers.sorted().compactMap { number in rules[number].map { (number, $0) } }
    }

    /// An entity is gone: what was said of it alone does not hold for another of that name.
    /// - Returns: the numbers of the rules that went.
    package mutating func removeRules(of entity: EntityRef) -> [Int] {
        let gone = (byEntity[entity] ?? []) + (entity.kind == .thingTemplate ? byTemplate[entity.name] ?? [] : [])
        for number in gone { remove(number) }
        return gone
    }

    /// - Parameters:
    ///   - resource: the property, service or event; nil: whether any of them is allowed.
    ///   - templates: those that a Thing comes from.
    package func judge(
        _ right: Right, on entity: EntityRef, resource: String? = nil, for principal: Principal, templates: () -> [String] = { [] }
    ) -> Judgement {
        if principal.isAdministrator { return Judgement(isAllowed: true, cause: .administrator) }
        var allowing: (Int, AccessRule)?
        var refusing: (Int, AccessRule)?
        let judge = { (numbers: [Int]) in
            for number in numbers {
                guard let rule = rules[number], rule.rights.contains(right), holds(rule, for: principal) else { continue }
                guard rule.resource == "*" || resource == nil || rule.resource == resource else { continue }
                // A refusal for one property does not refuse all of them.
                if !rule.allows, resource == nil, rule.resource != "*" { continue }
                if rule.allows { allowing = allowing ?? (number, rule) } else { refusing = (number, rule) }
            }
        }
        judge(byEntity[entity] ?? [])
        judge(
            others.filter { number in
                guard let rule = rules[number], !rule.isForInstances, rule.kind == nil || rule.kind == entity.kind else { return false }
                return rule.entities.contains { $0.matches(entity.name) }
            })
        if !byTemplate.isEmpty { for template in templates() { judge(byTemplate[template] ?? []) } }
        if let (number, rule) = refusing { return Judgement(isAllowed: false, cause: .rule(number: number, rule)) }
        if let (number, rule) = allowing { return Judgement(isAllowed: true, cause: .rule(number: number, rule)) }
        return Judgement(isAllowed: false, cause: .noRule)
    }

    private func holds(_ rule: AccessRule, for principal: Principal) -> Bool {
        switch rule.holder {
        case .user(let name): name == principal.user
        case .group(let name): principal.groups.contains(name)
        }
    }
}

extension AccessControl.Judgement {
    /// For a person who asks why.
    package var explanation: String {
        switch cause {
        case .administrator: "members of the group \(Principal.administrators) may do everything"
        case .noRule: "no rule allows it"
        case .rule(let number, let rule): "rule \(number) \(rule.allows ? "allows" : "refuses") it: \(rule.text)"
        }
    }
}

extension AccessRule {
    /// Such as `group Edge: read, write of * on Things Line4-*`.
    package var text: String {
        let rights = rights.map(\.rawValue).sorted().joined(separator: ", ")
        let names = entities.map(\.text).joined(separator: ", ")
        let place = isForInstances ? "Things made from \(names)" : "\(kind?.rawValue ?? "all kinds of entities") \(names)"
        return "\(holder.isGroup ? "group" : "user") \(holder.name): \(allows ? "" : "not ")\(rights) of \(resource) on \(place)"
    }
}
