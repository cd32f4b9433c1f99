-- The services NotifyPropertyUpdate and GetPropertySubscriptions, the property upToDate and the task UpdatePropertyMap. Every
-- Thing has them without this shape, which is here for templates that name it.
module("shapes.propsubscribe", thingworx.shape.extend)
