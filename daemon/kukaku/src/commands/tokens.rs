//! Lists of hardware tokens as makers deliver them: CSV with serial number, seed and shape.

use std::path::Path;

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use kukaku_store::users::{Token, TokenSort};

use crate::failure::Failure;

/// Largest list that is read: tokens for a thousand people.
const LIST_MAX_BYTES: u64 = 256 * 1024;

/// The token of that serial number.
///
/// # Errors
/// `Io`: the file can't be read. `Written`: which line is out of shape, or that there is none of it.
pub fn find(list: &Path, serial: &str) -> Result<Token, Failure> {
    let length = std::fs::metadata(list).map_err(|e| Failure::io("read", list, &e))?.len();
    if length > LIST_MAX_BYTES {
        return Err(Failure::Written(format!("{}: longer than {LIST_MAX_BYTES} bytes", list.display())));
    }
    let text = std::fs::read_to_string(list).map_err(|e| Failure::io("read", list, &e))?;
    let line = text
        .lines()
        .map(|line| line.split(',').map(|cell| cell.trim().trim_matches('"')).collect::<Vec<_>>())
        .enumerate()
        .find(|(_, cells)| cells.first() == Some(&serial));
    let Some((place, cells)) = line else {
        return Err(Failure::Written(format!("{}: has no token {serial}", list.display())));
    };
    read(&cells).map_err(|why| Failure::Written(format!("{} line {}: {why}", list.display(), place + 1)))
}

fn read(cells: &[&str]) -> Result<Token, String> {
    let [_, seed, digits, moves] = cells else {
        return Err("expected SERIAL,SEED,DIGITS,STEP or SERIAL,SEED,DIGITS,counter=N".to_owned());
    };
    let seed = seed_of(seed).ok_or("the seed is neither hex nor base 32")?;
    let digits = digits.parse().map_err(|_| format!("{digits:?} is no number of digits"))?;
    let sort = match moves.strip_prefix("counter=") {
        Some(next) => TokenSort::Count { next: next.parse().map_err(|_| format!("{next:?} is no count"))? },
        None => TokenSort::Time { step_s: moves.parse().map_err(|_| format!("{moves:?} is no step in seconds"))? },
    };
    Ok(Token { seed, sort, digits })
}

/// Hex where it can be read so: its digits are rare as base 32, which has no 0, 1, 8 and 9.
fn seed_of(text: &str) -> Option<Vec<u8>> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    HEXLOWER_PERMISSIVE
        .decode(bare.as_bytes())
        .ok()
        .or_else(|| BASE32_NOPAD.decode(bare.trim_end_matches('=').to_ascii_uppercase().as_bytes()).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_makers_list_gives_each_token_its_seed_and_shape() {
        let list = std::env::temp_dir().join(format!("kukaku-tokens-{}.csv", std::process::id()));
        let text = "serial,seed,digits,time step\n\
            1001,3132333435363738393031323334353637383930,6,30\n\
            \"1002\",GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,8,60\n\
            1003,GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,6,counter=7\n\
            1004,no seed!,6,30\n1005,3132\n";
        std::fs::write(&list, text).unwrap();
        let seed = b"12345678901234567890".to_vec();
        let token = |digits: u32, sort: TokenSort| Token { seed: seed.clone(), sort, digits };
        assert_eq!(find(&list, "1001").unwrap(), token(6, TokenSort::Time { step_s: 30 }));
        assert_eq!(find(&list, "1002").unwrap(), token(8, TokenSort::Time { step_s: 60 }));
        assert_eq!(find(&list, "1003").unwrap(), token(6, TokenSort::Count { next: 7 }));
        for (serial, said) in [("1004", "line 5"), ("1005", "line 6"), ("1006", "no token 1006")] {
            let why = find(&list, serial).unwrap_err().to_string();
            assert!(why.contains(said), "{why}");
            assert!(!why.contains("3132"), "a seed is not printed");
        }
        std::fs::remove_file(&list).unwrap();
    }
}
