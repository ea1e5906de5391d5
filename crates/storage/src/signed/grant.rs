//! What a signed URL allows, and how it stands in the URL.

use uuid::Uuid;
use veza_core::{Principal, TenantId};

use super::Action;
use crate::ObjectKey;
use crate::id::{BucketId, SigningKeyId, VersionId};

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub action: Action,
    /// The bucket's name.
    pub bucket: String,
    /// The object's key.
    pub key: ObjectKey,
    /// Which version is read.
    pub version: Option<VersionId>,
    /// Until when, in seconds since 1970.
    pub expires: i64,
    /// Who signed it: `person:<id>`, `api_key:<id>` or `system`. What is stored is stored by them.
    pub by: String,
    /// The media type that is stored.
    pub content_type: Option<String>,
    /// The most bytes that are stored.
    pub max_bytes: Option<i64>,
    /// Which key of the tenant's signed it.
    pub key_id: SigningKeyId,
}

impl Grant {
    /// What is signed: all of it, one field a line. None holds the end of a line, so no two grants have one text. The
    /// bucket goes by its id, for another may have its name one day.
    pub(super) fn text(&self, tenant: TenantId, bucket: BucketId) -> String {
        let version = self.version.map(|version| version.to_string()).unwrap_or_default();
        let max_bytes = self.max_bytes.map(|most| most.to_string()).unwrap_or_default();
        let content_type = self.content_type.as_deref().unwrap_or_default();
        format!(
            "veza signed url 1\n{}\n{tenant}\n{bucket}\n{}\n{version}\n{}\n{}\n{content_type}\n{max_bytes}",
            self.action.as_str(),
            self.key,
            self.expires,
            self.by,
        )
    }

    /// Who signed it, when that is somebody who can.
    pub(super) fn principal(&self) -> Option<Principal> {
        if self.by == Principal::System.to_string() {
            return Some(Principal::System);
        }
        let (kind, id) = self.by.split_once(':')?;
        let id: Uuid = id.parse().ok()?;
        let principal = match kind {
            "person" => Principal::Person(id),
            "api_key" => Principal::ApiKey(id),
            _ => return None,
        };
        (principal.to_string() == self.by).then_some(principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_signed() {
        let tenant = |number| TenantId::from_verified(Uuid::from_u128(number));
        let bucket = |number| BucketId::from_uuid(Uuid::from_u128(number));
        let key = |key: &str| ObjectKey::new(key).unwrap();
        let grant = Grant {
            action: Action::Put,
            bucket: "b".to_owned(),
            key: key("k"),
            version: None,
            expires: 5,
            by: format!("person:{}", Uuid::from_u128(3)),
            content_type: None,
            max_bytes: None,
            key_id: SigningKeyId::from_uuid(Uuid::from_u128(4)),
        };
        let others = [
            Grant { action: Action::Get, ..grant.clone() },
            Grant { key: key("k2"), ..grant.clone() },
            Grant { version: Some(VersionId::from_uuid(Uuid::from_u128(1))), ..grant.clone() },
            Grant { expires: 6, ..grant.clone() },
            Grant { by: format!("api_key:{}", Uuid::from_u128(3)), ..grant.clone() },
            Grant { content_type: Some("a/b".to_owned()), ..grant.clone() },
            Grant { max_bytes: Some(1), ..grant.clone() },
        ];
        let mut texts: Vec<String> = others.iter().map(|grant| grant.text(tenant(1), bucket(1))).collect();
        texts.extend([grant.text(tenant(1), bucket(1)), grant.text(tenant(2), bucket(1))]);
        texts.push(grant.text(tenant(1), bucket(2)));
        let all = texts.len();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), all);
        assert_eq!(grant.principal(), Some(Principal::Person(Uuid::from_u128(3))));
        assert_eq!(Grant { by: "system".to_owned(), ..grant.clone() }.principal(), Some(Principal::System));
        for by in ["person:x", "other:00000000-0000-0000-0000-000000000003", ""] {
            assert_eq!(Grant { by: by.to_owned(), ..grant.clone() }.principal(), None, "{by}");
        }
    }
}
