import GRDB

/// The tables, step by step. A step that was released is not changed any more: what it lacked is a step of its own.
enum Migrations {
    static var all: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 model") { db in
            // Documents, and not a column for each attribute: what an entity has grows with each version, what is asked of the
            // database does not.
            try db.execute(
                sql: """
                    CREATE TABLE entity (
                        collection TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
                        PRIMARY KEY (collection, name)
                    ) WITHOUT ROWID;
                    CREATE TABLE value (
                        thing TEXT NOT NULL, property TEXT NOT NULL, time INTEGER NOT NULL, quality TEXT NOT NULL, value BLOB NOT NULL,
                        PRIMARY KEY (thing, property)
                    ) WITHOUT ROWID;
                    CREATE TABLE seen (thing TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE event (
                        number INTEGER PRIMARY KEY, time INTEGER NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL
                    );
                    CREATE INDEX event_source ON event (source, number);
                    """)
        }
        migrator.registerMigration("2 history") { db in
            // Values go into `tail` as they come, a row a batch, and from there into `block`, a row for some hundred values of one series.
            try db.execute(
                sql: """
                    CREATE TABLE series (
                        id INTEGER PRIMARY KEY, thing TEXT NOT NULL, property TEXT NOT NULL, sealed INTEGER NOT NULL DEFAULT 0,
                        UNIQUE (thing, property)
                    );
                    CREATE TABLE tail (batch INTEGER PRIMARY KEY, data BLOB NOT NULL);
                    CREATE TABLE block (
                        id INTEGER PRIMARY KEY, series INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
                        numbers INTEGER NOT NULL, minimum REAL NOT NULL, maximum REAL NOT NULL, sum REAL NOT NULL, last_number REAL NOT NULL,
                        data BLOB NOT NULL
                    );
                    CREATE INDEX block_place ON block (series, first, last, count, numbers, minimum, maximum, sum, last_number);
                    CREATE INDEX block_last ON block (last);
                    """)
        }
        return migrator
    }
}
