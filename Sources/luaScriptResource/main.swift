await ScriptResourceCommand.runMain()
