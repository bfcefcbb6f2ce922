//! Scratch.
use jiff::Timestamp;
use serde_json::Value;
/// x
pub struct ApiClient {}
impl ApiClient {
    /// x
    pub async fn oncall(&self, _at: Timestamp) -> Result<Value, ()> {
        Err(())
    }
    /// x
    pub async fn shifts(&self, _id: &str, _from: Timestamp, _to: Timestamp) -> Result<Value, ()> {
        Err(())
    }
}
/// x
pub fn print_oncall(v: &Value) -> String {
    v.to_string()
}
/// x
pub fn print_rota(v: &Value) -> String {
    v.to_string()
}
