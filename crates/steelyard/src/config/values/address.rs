use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

const ADDRESS_RULE: &str = "must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080";

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| ADDRESS_RULE)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

super::text_value!(ListenAddress, expecting "an address such as \"127.0.0.1:8080\"", example "127.0.0.1:8080");

/// The address for health checks and metrics, which may be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminListen {
    /// No such listener.
    Off,
    /// Listens here.
    At(SocketAddr),
}

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| format!("{ADDRESS_RULE}, or \"off\""))
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

super::text_value!(AdminListen, expecting "an address such as \"127.0.0.1:8081\", or \"off\"", example "127.0.0.1:8081");

/// The hub's address as clients see it: scheme, host and perhaps a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be http:// or https://, a host and perhaps a port, without a path: https://hub.example.org";
        let text = text.strip_suffix('/').unwrap_or(text);
        let rest =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(RULE)?;
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if rest.is_empty() || rest.starts_with(':') || !rest.chars().all(allowed) {
            return Err(RULE);
        }
        let port =
            rest.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        if port.is_some_and(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(RULE);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::text_value!(PublicUrl, expecting "a URL such as \"https://hub.example.org\"", example "https://hub.example.org");
