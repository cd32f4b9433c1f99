await EdgeControl.runMain()
