//! The atoms of the boundary.

rustler::atoms! {
    ok,
    error,
    nil,
    more,
    done,
    blob,
    inf,
    negative_infinity = "-inf",
    infinity,
    encode_params,
    no_rows,
    multiple_rows,

    // %EctoLibSql.State{} and connect options
    conn_id,
    database,
    mode,
    read_only,
    read_write,
    create,
    shared_cache,
    busy_timeout,
    statement_cache_size,
    foreign_keys,
    trusted_schema,
    double_quoted_strings,
    journal_mode,
    file_pragmas,
    pragmas,
    encryption_key,
    transaction_scope,
    process,
    connection,

    // journal modes
    delete,
    truncate,
    persist,
    memory,
    wal,
    off,

    // transaction behaviours and checkpoint modes
    deferred,
    immediate,
    exclusive,
    passive,
    full,
    restart,

    // %EctoLibSql.Error{}
    error_struct = "Elixir.EctoLibSql.Error",
    __struct__,
    __exception__,
    code,
    extended_code,
    message,
    statement,
    offset,
    constraint,
    index,
    kind,
    table,
    columns,
    name,

    // column metadata
    decl_type,
    origin_name,

    // checkpoint
    log_frames,
    checkpointed_frames,
    busy,

    // listing
    id,
    owner,
    age,
    sql,
    statements,
    cursors,
    transaction,
    behavior,
    running,
    cache,
    size,
    hits,
    misses,
    evictions,
}
