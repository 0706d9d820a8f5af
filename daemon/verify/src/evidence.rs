//! What convicts a site before others, and what it still owes, as files for people.

use kukaku_ledger::{AddCheckpoint, Hash, Head, KeyTerm, ProofError, verify_consistency};

fn keys_of(terms: &[KeyTerm]) -> String {
    terms.iter().map(|term| format!("{}\n", term.key)).collect()
}

/// Two heads of one size.
pub(crate) fn same_size(terms: &[KeyTerm], size: u64, first: &str, second: &str) -> String {
    format!(
        "分岐の証拠(Evidence of a fork)\n\n\
         次の二つの封印は、同じ拠点が同じ件数 {size} に対して異なる根に署名したものです。\n\
         正しい記録台帳からは決して生じません。記録が差し替えられています。\n\
         The same site signed two different roots for the same {size} entries. A true journal never does.\n\n\
         公開鍵 (public key):\n{}\n===== 1 =====\n{first}===== 2 =====\n{second}",
        keys_of(terms)
    )
}

/// The root that a proof shows for the first `old` entries of the tree under `head`, where that is
/// another than the remembered one. A proof that merely fails shows nothing.
pub(crate) fn other_beginning(old: u64, remembered: Hash, head: Head, proof: &[Hash]) -> Option<Hash> {
    let Err(ProofError::RootMismatch { computed, .. }) =
        verify_consistency(old, remembered, head.size, head.root, proof)
    else {
        return None;
    };
    // A complete subtree's root is no part of its proof, so that the proof speaks for every root or none.
    let shown = old > 0 && old < head.size && !old.is_power_of_two();
    (shown && verify_consistency(old, computed, head.size, head.root, proof).is_ok()).then_some(computed)
}

/// Two heads of different sizes, and the proof that they don't go together.
pub(crate) fn by_proof(terms: &[KeyTerm], request: &AddCheckpoint, first: &str) -> String {
    format!(
        "分岐の証拠(Evidence of a fork)\n\n\
         次の二つの封印は同じ拠点が署名したものです。後の封印に添えられた証明は、その最初の {old} 件の根が、\n\
         先に署名した {old} 件の根と異なることを示します。記録が差し替えられています。\n\
         The same site signed both. The proof that came with the second shows another root for its first\n\
         {old} entries than the first one, of {old} entries: the journal was rewritten.\n\n\
         公開鍵 (public key):\n{keys}\n===== 1 =====\n{first}===== 2 (kukaku-verify remember) =====\n{second}",
        old = request.old,
        keys = keys_of(terms),
        second = request.to_text()
    )
}

/// Two heads of different sizes that nothing connects: no proof of anything, until the site has
/// delivered or refused what connects them.
pub(crate) fn owed(first: &str, second: &str) -> String {
    format!(
        "拠点に求める証明(Proof that the site owes)\n\n\
         次の二つの封印は同じ拠点が署名したものですが、添えられた証明ではつながりません。\n\
         件数が異なるため、これだけでは不正の証拠になりません。両方を保全し、小さい方の件数から大きい方への\n\
         証明(画面「記録台帳」の「封印をファイルで受け取る」に小さい方の件数を入れたもの)を求めてください。\n\
         正しい記録台帳なら必ず渡せます。渡せないことは、書き換えの強い疑いです。\n\
         The same site signed both, but the proof doesn't connect them. Their sizes differ, so they are no\n\
         evidence by themselves. Keep both, and ask for the proof from the smaller to the larger (the\n\
         journal page, \"Take the checkpoint as a file\", with the smaller size). A true journal can always\n\
         deliver it.\n\n===== 1 =====\n{first}===== 2 =====\n{second}"
    )
}
