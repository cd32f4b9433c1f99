import ArgumentParser
import ProgramSupport
import Secrets

/// Starting points for what users write.
struct NewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "new", abstract: "Write a starting point.", subcommands: [Template.self])

    struct Template: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a commented template of a Lua Thing.")

        @Argument(help: "The template's name: letters, digits and underscores.")
        var name: String
        @Option(help: "The configuration's directory.")
        var directory = "etc"

        func validate() throws {
            guard let first = name.utf8.first, first < 0x30 || first > 0x39,
                name.utf8.allSatisfy({
                    $0 == 0x5F || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20
                })
            else {
                throw ValidationError("\(name): expected letters, digits and underscores, and no digit in front")
            }
        }

        func run() async throws {
            let path = "\(directory)/custom/templates/\(name).lua"
            do {
                try AtomicFile.makeDirectory(AtomicFile.directory(of: path))
                guard try AtomicFile.create(path, with: Array(text.utf8), mode: 0o644) else {
                    Console.error("\(path) is there already, and left alone")
                    throw ExitCode(1)
                }
            } catch let failure as FileFailure {
                Console.error("\(failure)")
                throw ExitCode(1)
            }
            Console.line(
                """
                \(path) is written. In \(directory)/config.lua a Thing of it is

                scripts.My\(name.prefix(1).uppercased())\(name.dropFirst()) = { file = "thing.lua", template = "\(name)", scanRate = 1000 }
                """)
        }

        private var text: String {
            """
            -- A template: what a Thing made of it has, and does. `luaScriptResource -check` says what is wrong with it; with
            -- scripts.watch = true in config.lua a running Thing takes every change over.

            -- Shapes bring what several templates have in common: require "yourshape"
            module("templates.\(name)", thingworx.template.extend)

            -- Properties. pushType says what goes to the platform: VALUE each change by more than pushThreshold, ALWAYS every scan,
            -- NEVER nothing. scanRate is the time between two looks, in ms.
            properties.temperature = { baseType = "NUMBER", pushType = "VALUE", pushThreshold = 0.5, value = 20 }
            properties.running = { baseType = "BOOLEAN", pushType = "VALUE", value = false }

            -- A handler fetches the value from elsewhere: http and https from a device, script from another script, generator
            -- makes one up.
            properties.load = { baseType = "NUMBER", pushType = "ALWAYS", scanRate = 5000, handler = "generator", key = "sine?min=0&max=100" }

            -- Services: declared, then written. A service returns a code, 200 where all went well, and its result.
            serviceDefinitions.SetSpeed(
              input { name = "speed", baseType = "NUMBER", description = "In turns a minute." },
              output { baseType = "BOOLEAN", description = "Whether the machine runs now." },
              description { "Sets the speed." })

            services.SetSpeed = function(me, headers, query, data)
              if not data.speed or data.speed < 0 then return 400, "speed: expected a number from 0 on" end
              properties.running.value = data.speed > 0
              log.info(name, "speed is %d", data.speed)
              return 200, properties.running.value
            end

            -- Tasks run every taskRate ms (of the Thing's entry in config.lua). One that takes long calls tw_utils.psleep(ms) now and
            -- then, so that requests are answered meanwhile.
            tasks.Measure = function(me)
              properties.temperature.value = 20 + math.random()
            end

            """
        }
    }
}
