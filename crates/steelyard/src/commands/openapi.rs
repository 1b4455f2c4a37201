//! `steelyard openapi`: the HTTP interface, for programs and for review.

use anyhow::Result;

/// Prints the document.
pub fn run() -> Result<()> {
    Ok(super::print(&format!("{:#}\n", steelyard_http::openapi::document()))?)
}
