# Which tests of a repo do not run with ECTO_LIBSQL_MODE=remote, where its database is on a server, and
# why. EctoLibSql.Test.Mode reads this.
%{
  # What is not about a repo on a server at all: these files are not counted.
  elsewhere: [
    {"limits, settings, policies, statistics, changes that are told, functions in Elixir and VFSs of local " <>
       "connections",
     [
       "test/adapter/authorizer_test.exs",
       "test/adapter/configuration_test.exs",
       "test/adapter/statistics_test.exs",
       "test/connection/change_feed_test.exs",
       "test/connection/function_test.exs",
       "test/connection/vfs_test.exs"
     ]},
    {"the files of a local database: creating, dropping, dumping and locking them, other programs that " <>
       "read them",
     [
       "test/adapter/migration_lock_test.exs",
       "test/adapter/storage_test.exs",
       "test/adapter/structure_test.exs",
       "test/adapter/types/stock_sqlite_test.exs",
       "test/adapter/uuid/local_test.exs"
     ]},
    {"calls of NIFs, the gate and the locks of a local database's writers, and memory that connections share",
     [
       "test/adapter/calls_test.exs",
       "test/adapter/read_only_test.exs",
       "test/adapter/waiting_test.exs",
       "test/connection/pool_lifetime_test.exs"
     ]},
    {"sandbox: :clone, which copies a local database",
     ["test/sandbox/clone_refresh_test.exs", "test/sandbox/clone_test.exs"]}
  ],
  adapter: [
    {"decimals are calculated by functions of this library, which a server does not have",
     [
       "test a decimal stays one",
       "test aggregates are exact",
       "test arithmetic is exact",
       "test compare as numbers with parameters, literals, columns and aggregates",
       "test decimals are added and ordered as numbers",
       "test incremented and set",
       "test insert_all what a query gives is written in the format of its columns",
       "test more than 30 digits stay, whatever is done with them",
       "test of a source without a schema and of fragments, where type/2 says what they are",
       "test over windows that grow, slide and shrink",
       "test sort as numbers",
       "test the functions are there after a reset, and in a strict schema",
       "test the functions refuse what is no number, and say so",
       "test the functions take numbers of every kind, and NULL",
       "test type/2 of expressions casts",
       "test what is calculated has the type that the expression has",
       "property groups and aggregates",
       "property added, subtracted and multiplied exactly",
       "property divided as Decimal does it by default",
       "property summed, averaged, and their extremes found, exactly",
       "property the extremes of sliding windows are those of their rows"
     ]},
    {"DISTINCT and set operations tell 1.0 from 1.00 there: they compare rows by a collation of this library",
     [
       "test decimals are compared as numbers",
       "test decimals that are the same number",
       "test equal numbers are one in DISTINCT and GROUP BY, whatever their zeros",
       "test except_all and intersect_all count the rows",
       "property distinct, first of its group, unions, subqueries"
     ]},
    {"a server attaches no files",
     [
       "test a prefix is an attached database",
       "test an FTS5 table of an attached database, by its prefix",
       "test attached databases are had by every connection",
       "test attached databases in memory are shared, too",
       "test hints and prefixes",
       "test insert_all with a prefix",
       "test prefix is an attached database"
     ]},
    {"a server takes no temporary tables",
     [
       "test connections can be checked out",
       "test options TEMPORARY is the only modifier"
     ]},
    {"a server lets no client set this pragma: case_sensitive_like, foreign_keys within a transaction, " <>
       "ignore_check_constraints",
     [
       "test a check that rows violate",
       "test a rebuild with foreign keys off leaves them off",
       "test like ilike takes no notice of case, whatever the connection's setting"
     ]},
    {"a server's writers wait for each other at the server, five seconds at most, and not at a gate",
     [
       "test transactions take the write lock at once, unless they say otherwise",
       "test transactions whose COMMIT finds the database busy are rolled back, and the connection stays"
     ]},
    {"to stop a statement at a server is to close its stream, and its transaction ends",
     [
       "test connections are kept through timeouts",
       "test transactions go on after an interrupt",
       "test timeouts stop the statement and keep the connection"
     ]},
    {"the message is this library's function's own",
     [
       "test ecto_datetime_add says what is wrong",
       "test ecto_datetime_add writes the stored format, whichever is read"
     ]},
    {"it opens a file that cannot be opened",
     [
       "test an exhausted pool is told from one whose connections are not open",
       "test health says why no connection can be opened"
     ]}
  ],
  suites: [
    {"decimals are calculated by functions of this library, which a server does not have",
     ["test decimal type", "test decimal typed aggregations"]},
    {"a server attaches no files, and a prefix is an attached one", ["test prefix"]},
    {"it gives bytes for text, and a server takes text in UTF-8 only",
     [
       "test upsert via insert_all source (without an Ecto schema) on conflict query and conflict target"
     ]}
  ]
}
