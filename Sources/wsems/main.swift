await WSEMS.runMain()
