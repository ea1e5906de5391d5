//! A body that is digested and compared while it flows.

use std::sync::{Arc, OnceLock};

use futures_util::{StreamExt, stream};

use super::{Digests, Expected, Sums};
use crate::{Body, Error};

/// Where the digests of a body are found when it has ended.
#[derive(Debug, Clone, Default)]
pub struct Receipt(Arc<OnceLock<Sums>>);

impl Receipt {
    /// The digests; none if the body has not ended, or ended with an error.
    pub fn sums(&self) -> Option<Sums> {
        self.0.get().copied()
    }
}

/// Digests a body on its way. It ends with an error when it is not what was expected, so that whoever reads
/// it keeps nothing. MD5 is computed `with_md5`, and when it is expected; SHA-1 then only.
pub fn check(body: Body, expected: Expected, with_md5: bool) -> (Body, Receipt) {
    let receipt = Receipt::default();
    let digests = Digests::new(with_md5 || expected.md5.is_some());
    let digests = if expected.sha1.is_some() { digests.with_sha1() } else { digests };
    let state = Some((body, digests, receipt.clone()));
    let checked = stream::try_unfold(state, move |state| async move {
        let Some((mut body, mut digests, receipt)) = state else { return Ok(None) };
        if let Some(chunk) = body.next().await.transpose()? {
            digests.update(&chunk);
            return Ok(Some((chunk, Some((body, digests, receipt)))));
        }
        let sums = digests.finish();
        expected.verify(&sums)?;
        // Set once, here.
        let _first = receipt.0.set(sums);
        Ok::<_, Error>(None)
    });
    (Box::pin(checked), receipt)
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;
    use crate::body;

    #[tokio::test]
    async fn a_body_is_passed_on_and_digested() {
        let (checked, receipt) = check(body::full("abc"), Expected::default(), false);
        assert_eq!(receipt.sums(), None);
        assert_eq!(checked.try_collect::<Vec<_>>().await.unwrap().concat(), b"abc");
        let sums = receipt.sums().unwrap();
        assert_eq!((sums.len, sums.md5), (3, None));
    }

    #[tokio::test]
    async fn a_body_that_is_another_ends_with_an_error() {
        let expected = Expected { md5: Some([0; 16]), ..Expected::default() };
        let (checked, receipt) = check(body::full("abc"), expected, false);
        let error = checked.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(matches!(error, Error::DigestMismatch(super::super::Algorithm::Md5)));
        assert_eq!(receipt.sums(), None);
    }
}
