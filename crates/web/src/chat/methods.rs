//! Methods of Python's texts, lists and mappings that chat templates call.

use super::Stop;
use super::call::{items_of, short};
use super::eval::{Args, Machine};
use super::value::V;

impl Machine<'_> {
    pub(super) fn method(&mut self, value: &V, name: &str, args: &Args) -> Result<V, Stop> {
        match value {
            V::Str(text) => self.of_text(&text.clone(), name, args),
            V::Map(pairs, _) => match name {
                "items" => items_of(self, pairs),
                "keys" => {
                    let keys = pairs.iter().map(|(key, _)| V::Str(key.clone())).collect();
                    V::list(keys, &mut self.budget)
                }
                "values" => {
                    let values = pairs.iter().map(|(_, value)| value.clone()).collect();
                    V::list(values, &mut self.budget)
                }
                "get" => {
                    let key = args.get(0, "key").and_then(V::as_str).unwrap_or_default();
                    Ok(match value.get(key) {
                        V::Undefined => args.get(1, "default").cloned().unwrap_or(V::None),
                        found => found,
                    })
                }
                _ => Err(unknown(name)),
            },
            V::List(items, _) if name == "index" || name == "count" => {
                let (mut found, mut count) = (None, 0);
                for (place, item) in items.iter().enumerate() {
                    if item
                        .equals(args.get(0, "value").unwrap_or(&V::Undefined), &mut self.budget)?
                    {
                        found = found.or(i64::try_from(place).ok());
                        count += 1;
                    }
                }
                match name {
                    "count" => Ok(V::Int(count)),
                    _ => found.map(V::Int).ok_or(Stop::wrong("it is not in the list")),
                }
            }
            V::Undefined => Err(Stop::wrong(format!("{} of what is not defined", short(name)))),
            _ => Err(unknown(name)),
        }
    }

    fn of_text(&mut self, text: &str, name: &str, args: &Args) -> Result<V, Stop> {
        self.budget.pay(text.len())?;
        let arg = |place: usize| args.plain.get(place).and_then(V::as_str);
        let is_any = |test: &dyn Fn(&str) -> bool| match args.plain.first() {
            Some(V::Str(part)) => Ok(V::Bool(test(part))),
            Some(V::List(parts, _)) => Ok(V::Bool(parts.iter().filter_map(V::as_str).any(test))),
            _ => Err(unknown(name)),
        };
        let set: Option<Vec<char>> = arg(0).map(|set| set.chars().collect());
        let strips = |c: char| set.as_ref().map_or(c.is_whitespace(), |set| set.contains(&c));
        let made = match name {
            "strip" => text.trim_matches(strips).to_owned(),
            "lstrip" => text.trim_start_matches(strips).to_owned(),
            "rstrip" => text.trim_end_matches(strips).to_owned(),
            "upper" => text.to_uppercase(),
            "lower" => text.to_lowercase(),
            "capitalize" => capitalized(text),
            "title" => {
                text.split_inclusive(|c: char| !c.is_alphanumeric()).map(capitalized).collect()
            }
            "startswith" => return is_any(&|part| text.starts_with(part)),
            "endswith" => return is_any(&|part| text.ends_with(part)),
            "removeprefix" => {
                text.strip_prefix(arg(0).unwrap_or_default()).unwrap_or(text).to_owned()
            }
            "removesuffix" => {
                text.strip_suffix(arg(0).unwrap_or_default()).unwrap_or(text).to_owned()
            }
            "replace" => return self.replace(text, args),
            "split" | "splitlines" => return self.split(text, name, args),
            "join" => {
                let items = self.items(args.plain.first().unwrap_or(&V::Undefined))?;
                let between = V::text(text, &mut self.budget)?;
                return self.join(&items, &Args { plain: vec![between], named: Vec::new() });
            }
            "find" => {
                let at = text.find(arg(0).unwrap_or_default()).map(|at| text[..at].chars().count());
                return Ok(V::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)));
            }
            "count" => {
                let part = arg(0).filter(|part| !part.is_empty()).ok_or_else(|| unknown(name))?;
                return Ok(V::Int(i64::try_from(text.matches(part).count()).unwrap_or(i64::MAX)));
            }
            "isdigit" => {
                return Ok(V::Bool(!text.is_empty() && text.chars().all(char::is_numeric)));
            }
            "isspace" => {
                return Ok(V::Bool(!text.is_empty() && text.chars().all(char::is_whitespace)));
            }
            _ => return Err(unknown(name)),
        };
        V::text(&made, &mut self.budget)
    }

    fn replace(&mut self, text: &str, args: &Args) -> Result<V, Stop> {
        let part = |place, name| args.get(place, name).and_then(V::as_str);
        let (from, to) = part(0, "old").zip(part(1, "new")).ok_or_else(|| unknown("replace"))?;
        let limit = args.get(2, "count").and_then(V::as_int);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let found = text.matches(from).count().min(limit);
        self.budget.pay(found.saturating_mul(to.len()))?;
        V::text(&text.replacen(from, to, limit), &mut self.budget)
    }

    fn split(&mut self, text: &str, name: &str, args: &Args) -> Result<V, Stop> {
        let separator = args.get(0, "sep").and_then(V::as_str);
        let limit = args.get(1, "maxsplit").and_then(V::as_int);
        let limit = limit
            .and_then(|limit| usize::try_from(limit).ok())
            .map_or(usize::MAX, |limit| limit.saturating_add(1));
        let parts: Vec<&str> = match separator {
            _ if name == "splitlines" => text.lines().collect(),
            Some("") => return Err(Stop::wrong("split by nothing")),
            Some(separator) => text.splitn(limit, separator).collect(),
            None => text.split_whitespace().collect(),
        };
        let mut items = Vec::new();
        for part in parts {
            items.push(V::text(part, &mut self.budget)?);
        }
        V::list(items, &mut self.budget)
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &chars.as_str().to_lowercase()
}

fn unknown(name: &str) -> Stop {
    Stop::wrong(format!("a method that is not known here, or called wrongly: {}", short(name)))
}
