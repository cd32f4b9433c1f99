await PlatformCommand.runMain()
