//! The messages of Hrana 3 over HTTP, in its protobuf encoding.
//!
//! Specification: <https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md>. Protobuf
//! and not JSON, because sqld reads a third of all floats in JSON a last bit off, refuses infinities
//! there and answers `null` for them.

use std::collections::HashMap;

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct PipelineRequest {
    #[prost(string, optional, tag = "1")]
    pub baton: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub requests: Vec<Request>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PipelineResponse {
    #[prost(string, optional, tag = "1")]
    pub baton: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub base_url: Option<String>,
    #[prost(message, repeated, tag = "3")]
    pub results: Vec<StreamResult>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CursorRequest {
    #[prost(string, optional, tag = "1")]
    pub baton: Option<String>,
    #[prost(message, required, tag = "2")]
    pub batch: Batch,
}

/// The first message of a cursor's answer.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CursorResponse {
    #[prost(string, optional, tag = "1")]
    pub baton: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub base_url: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(oneof = "RequestKind", tags = "1, 2, 3, 5, 6, 7, 8")]
    pub kind: Option<RequestKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum RequestKind {
    #[prost(message, tag = "1")]
    Close(Empty),
    #[prost(message, tag = "2")]
    Execute(Execute),
    #[prost(message, tag = "3")]
    Batch(BatchRequest),
    #[prost(message, tag = "5")]
    Describe(Describe),
    #[prost(message, tag = "6")]
    StoreSql(StoreSql),
    #[prost(message, tag = "7")]
    CloseSql(CloseSql),
    #[prost(message, tag = "8")]
    GetAutocommit(Empty),
}

impl From<RequestKind> for Request {
    fn from(kind: RequestKind) -> Request {
        Request { kind: Some(kind) }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Execute {
    #[prost(message, required, tag = "1")]
    pub stmt: Stmt,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchRequest {
    #[prost(message, required, tag = "1")]
    pub batch: Batch,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Describe {
    #[prost(string, optional, tag = "1")]
    pub sql: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoreSql {
    #[prost(int32, tag = "1")]
    pub sql_id: i32,
    #[prost(string, tag = "2")]
    pub sql: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CloseSql {
    #[prost(int32, tag = "1")]
    pub sql_id: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamResult {
    #[prost(oneof = "StreamResultKind", tags = "1, 2")]
    pub kind: Option<StreamResultKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum StreamResultKind {
    #[prost(message, tag = "1")]
    Ok(Response),
    #[prost(message, tag = "2")]
    Error(ServerError),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(oneof = "ResponseKind", tags = "1, 2, 3, 5, 6, 7, 8")]
    pub kind: Option<ResponseKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ResponseKind {
    #[prost(message, tag = "1")]
    Close(Empty),
    #[prost(message, tag = "2")]
    Execute(ExecuteResponse),
    #[prost(message, tag = "3")]
    Batch(BatchResponse),
    #[prost(message, tag = "5")]
    Describe(DescribeResponse),
    #[prost(message, tag = "6")]
    StoreSql(Empty),
    #[prost(message, tag = "7")]
    CloseSql(Empty),
    #[prost(message, tag = "8")]
    GetAutocommit(GetAutocommitResponse),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExecuteResponse {
    #[prost(message, required, tag = "1")]
    pub result: StmtResult,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchResponse {
    #[prost(message, required, tag = "1")]
    pub result: BatchResult,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DescribeResponse {
    #[prost(message, required, tag = "1")]
    pub result: DescribeResult,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GetAutocommitResponse {
    #[prost(bool, tag = "1")]
    pub is_autocommit: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ServerError {
    #[prost(string, tag = "1")]
    pub message: String,
    #[prost(string, tag = "2")]
    pub code: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Stmt {
    #[prost(string, optional, tag = "1")]
    pub sql: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub sql_id: Option<i32>,
    #[prost(message, repeated, tag = "3")]
    pub args: Vec<WireValue>,
    #[prost(message, repeated, tag = "4")]
    pub named_args: Vec<NamedArg>,
    #[prost(bool, optional, tag = "5")]
    pub want_rows: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NamedArg {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, required, tag = "2")]
    pub value: WireValue,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StmtResult {
    #[prost(message, repeated, tag = "1")]
    pub cols: Vec<Col>,
    #[prost(message, repeated, tag = "2")]
    pub rows: Vec<Row>,
    #[prost(uint64, tag = "3")]
    pub affected_row_count: u64,
    #[prost(sint64, optional, tag = "4")]
    pub last_insert_rowid: Option<i64>,
    // From here on sqld's own, not in the specification.
    #[prost(uint64, optional, tag = "5")]
    pub replication_index: Option<u64>,
    #[prost(uint64, tag = "6")]
    pub rows_read: u64,
    #[prost(uint64, tag = "7")]
    pub rows_written: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Col {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub decltype: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<WireValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Batch {
    #[prost(message, repeated, tag = "1")]
    pub steps: Vec<BatchStep>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchStep {
    #[prost(message, optional, tag = "1")]
    pub condition: Option<Cond>,
    #[prost(message, required, tag = "2")]
    pub stmt: Stmt,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Cond {
    #[prost(oneof = "CondKind", tags = "1, 3, 4, 6")]
    pub kind: Option<CondKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum CondKind {
    #[prost(uint32, tag = "1")]
    Ok(u32),
    #[prost(message, boxed, tag = "3")]
    Not(Box<Cond>),
    #[prost(message, tag = "4")]
    And(CondList),
    #[prost(message, tag = "6")]
    IsAutocommit(Empty),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CondList {
    #[prost(message, repeated, tag = "1")]
    pub conds: Vec<Cond>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchResult {
    #[prost(map = "uint32, message", tag = "1")]
    pub step_results: HashMap<u32, StmtResult>,
    #[prost(map = "uint32, message", tag = "2")]
    pub step_errors: HashMap<u32, ServerError>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CursorEntry {
    #[prost(oneof = "CursorEntryKind", tags = "1, 2, 3, 4, 5")]
    pub kind: Option<CursorEntryKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum CursorEntryKind {
    #[prost(message, tag = "1")]
    StepBegin(StepBegin),
    #[prost(message, tag = "2")]
    StepEnd(StepEnd),
    #[prost(message, tag = "3")]
    StepError(StepError),
    #[prost(message, tag = "4")]
    Row(Row),
    #[prost(message, tag = "5")]
    Error(ServerError),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StepBegin {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(message, repeated, tag = "2")]
    pub cols: Vec<Col>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StepEnd {
    #[prost(uint64, tag = "1")]
    pub affected_row_count: u64,
    #[prost(sint64, optional, tag = "2")]
    pub last_insert_rowid: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StepError {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(message, required, tag = "2")]
    pub error: ServerError,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DescribeResult {
    #[prost(message, repeated, tag = "1")]
    pub params: Vec<DescribeParam>,
    #[prost(message, repeated, tag = "2")]
    pub cols: Vec<Col>,
    #[prost(bool, tag = "3")]
    pub is_explain: bool,
    #[prost(bool, tag = "4")]
    pub is_readonly: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DescribeParam {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WireValue {
    #[prost(oneof = "WireValueKind", tags = "1, 2, 3, 4, 5")]
    pub kind: Option<WireValueKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum WireValueKind {
    #[prost(message, tag = "1")]
    Null(Empty),
    #[prost(sint64, tag = "2")]
    Integer(i64),
    #[prost(double, tag = "3")]
    Float(f64),
    #[prost(string, tag = "4")]
    Text(String),
    #[prost(bytes = "vec", tag = "5")]
    Blob(Vec<u8>),
}
