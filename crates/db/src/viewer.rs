//! Who looks at a list: what they may not see is left out by the statement itself, counts included.

use crate::Value;

/// Who looks at a list of repositories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Viewer {
    /// The user who asks: their own and their organisations' private repositories are included.
    pub user_id: Option<i64>,
    /// They administer the hub and see everything.
    pub sees_all: bool,
}

impl Viewer {
    /// Someone who sees everything: jobs and the index.
    pub const ALL: Self = Self { user_id: None, sees_all: true };

    /// The condition, ` AND …`, that leaves only what they may see of `repo r`; its parameters are added to `values`.
    pub(crate) fn condition(self, values: &mut Vec<Value>) -> String {
        if self.sees_all {
            return String::new();
        }
        let Some(viewer) = self.user_id else { return " AND r.visibility = 'public'".to_owned() };
        values.push(viewer.into());
        let place = values.len();
        format!(
            " AND (r.visibility = 'public' OR r.owner_id = ${place} \
             OR r.owner_id IN (SELECT org_id FROM org_member WHERE user_id = ${place}))"
        )
    }
}
