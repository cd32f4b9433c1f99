import ChaosModel
import MessageStore
import NIOCore
import Secrets
import TestKit
import Testing

@Suite struct StoreModelTests {
    @Test(arguments: [false, true]) func nothingStoredIsLostWhereverItEnds(isSealed: Bool) throws {
        let directory = try TemporaryDirectory()
        let ring = isSealed ? try KeyFile(besides: "\(directory.path)/config.json", credentialsDirectory: nil).loadOrCreate() : nil
        var crashes = 0
        for seed in 1...UInt64(isSealed ? 20 : 100) { crashes += try StoreTrial.run(seed: seed, crashes: 12, ring: ring).crashes }
        #expect(crashes >= 240)
    }
}
