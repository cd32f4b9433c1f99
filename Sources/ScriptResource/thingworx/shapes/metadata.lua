-- The service GetMetadata. Every Thing has it without this shape, which is here for templates that name it.
module("shapes.metadata", thingworx.shape.extend)
