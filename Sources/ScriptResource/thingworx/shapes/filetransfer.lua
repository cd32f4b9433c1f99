-- Marks a Thing whose files the gateway transfers. The gateway does the work, so nothing is left to do here.
module("shapes.filetransfer", thingworx.shape.extend)
