/// Functions for Lua code, made once and shared by all states that have them.
///
/// They hold nothing of a state: whose they are called for is in the call (`LuaState.Call.owner`).
package final class NativeTable: Sendable {
    package typealias Function = @Sendable (LuaState.Call) throws -> LuaState.Outcome

    let names: [String]
    let functions: [Function]

    package init(_ functions: [String: Function]) {
        let sorted = functions.sorted { $0.key < $1.key }
        names = sorted.map(\.key)
        self.functions = sorted.map(\.value)
    }
}
