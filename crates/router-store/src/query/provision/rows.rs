//! The shape that all provisioned tables share, and the three statements that keep one in step.

use super::Columns;
use crate::db::Sql;

/// A table of declared objects: `id`, its parent and name, own columns, and `enabled, managed_by, source, created_at, updated_at`.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) id_prefix: &'static str,
    /// The column that names the parent; empty for none.
    parent: &'static str,
    /// The column that names the object within its parent.
    key: &'static str,
}

impl Table {
    pub(super) const PROVIDERS: Self = Self { name: "providers", id_prefix: "prov", parent: "", key: "name" };
    pub(super) const CHANNELS: Self = Self { name: "channels", id_prefix: "chan", parent: "", key: "name" };
    pub(super) const CHANNEL_MODELS: Self =
        Self { name: "channel_models", id_prefix: "cmod", parent: "channel_id", key: "name" };
    pub(super) const PROVIDER_KEYS: Self =
        Self { name: "provider_keys", id_prefix: "pkey", parent: "channel_id", key: "name" };
    pub(super) const GROUPS: Self = Self { name: "model_groups", id_prefix: "grp", parent: "", key: "name" };
    pub(super) const MEMBERS: Self =
        Self { name: "group_members", id_prefix: "gmem", parent: "group_id", key: "position" };
    pub(super) const POLICIES: Self = Self { name: "pricing_policies", id_prefix: "pol", parent: "", key: "name" };

    /// `parent, name, id, managed_by, enabled` of every row.
    pub(super) fn select(&self) -> String {
        let parent = if self.parent.is_empty() { "''" } else { self.parent };
        format!(
            "SELECT CAST({parent} AS TEXT) AS parent, CAST({} AS TEXT) AS name, id, managed_by, enabled FROM {}",
            self.key, self.name
        )
    }

    pub(super) fn insert(&self, id: &str, row: &Declared, now_ms: i64) -> Sql {
        let columns: Vec<&str> = row.columns.iter().map(|(column, _)| *column).collect();
        let mut sql = Sql::built(format!(
            "INSERT INTO {} (id, {}, enabled, managed_by, source, created_at, updated_at) VALUES ",
            self.name,
            columns.join(", ")
        ));
        let common = [row.enabled.into(), "file".into(), (&row.source).into(), now_ms.into(), now_ms.into()];
        sql.push_tuple(
            std::iter::once(id.into()).chain(row.columns.iter().map(|(_, value)| value.clone())).chain(common),
        );
        sql
    }

    /// Sets every column, and `updated_at` only if one of them differs.
    pub(super) fn update(&self, id: &str, row: &Declared, now_ms: i64) -> Sql {
        let mut sql = Sql::built(format!("UPDATE {} SET updated_at = ", self.name));
        sql.push_bind(now_ms);
        let common = [("enabled", row.enabled.into()), ("managed_by", "file".into()), ("source", (&row.source).into())];
        let columns: Vec<_> = row.columns.iter().cloned().chain(common).collect();
        for (column, value) in &columns {
            sql.push(", ");
            sql.push(column);
            sql.push(" = ");
            sql.push_bind(value.clone());
        }
        sql.push(" WHERE id = ");
        sql.push_bind(id);
        sql.push(" AND (1 = 0");
        for (column, value) in columns {
            sql.push(" OR ");
            sql.push(column);
            sql.push(" IS DISTINCT FROM ");
            sql.push_bind(value);
        }
        sql.push(")");
        sql
    }

    pub(super) fn disable(&self, id: &str, now_ms: i64) -> Sql {
        let mut sql = Sql::built(format!("UPDATE {} SET enabled = ", self.name));
        sql.push_bind(false);
        sql.push(", updated_at = ");
        sql.push_bind(now_ms);
        sql.push(" WHERE id = ");
        sql.push_bind(id);
        sql
    }
}

/// A declared object on its way into a table.
pub(super) struct Declared {
    /// Where the object brings its own id.
    pub(super) id: Option<String>,
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) source: String,
    pub(super) columns: Columns,
}
