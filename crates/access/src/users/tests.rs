use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn hash(text: &str, cost: u32) -> String {
    PasswordHash::make_at(&password(text), cost).unwrap().expose().to_owned()
}

fn users(lines: &[(&str, &str)]) -> Users {
    let text: String = lines.iter().map(|(name, hash)| format!("{name}:{hash}\n")).collect();
    Users::parse(&text, Format::Htpasswd).unwrap()
}

fn refused(text: &str, format: Format) -> String {
    Users::parse(text, format).unwrap_err().to_string()
}

fn checks(users: &Users, name: &str, text: &str) -> bool {
    users.check(name, &password(text), &PasswordHash::fits).is_some()
}

/// The vectors are of John the Ripper's bcrypt, which Openwall publishes.
#[test]
fn hashes_of_other_programs_are_understood() {
    for (hash, text) in [
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        ("$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"),
        (
            "$2b$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        ),
    ] {
        let users = users(&[("alice", hash)]);
        assert!(checks(&users, "alice", text), "{hash}");
        assert!(!checks(&users, "alice", &format!("{text}*")), "{hash}");
        assert!(!checks(&users, "Alice", text), "{hash}");
    }
}

#[test]
fn both_forms_of_the_file_hold_the_same_users() {
    let (alice, bob) = (hash("wonder", 4), hash("builder", 5));
    let htpasswd = format!("# staff\nalice:{alice}\r\n\nbob@example.com:{bob}\n");
    let toml = format!("# staff\n[users]\nalice = \"{alice}\"\n\"bob@example.com\" = '{bob}'\n");
    for (text, format) in [(htpasswd, Format::Htpasswd), (toml, Format::Toml)] {
        let users = Users::parse(&text, format).unwrap();
        assert_eq!(users.count(), 2);
        assert!(checks(&users, "alice", "wonder") && checks(&users, "bob@example.com", "builder"));
        assert!(!checks(&users, "alice", "builder") && !checks(&users, "# staff", ""));
    }
    assert_eq!(Format::of_name("users.TOML"), Format::Toml);
    assert_eq!(Format::of_name("toml.htpasswd"), Format::Htpasswd);
}

#[test]
fn other_schemes_are_refused_with_line_and_mend() {
    for other in [
        "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
        "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "rOioh4Wh1bCwc",
        "$5$saltsalt$hashhash",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
        "$2$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
        "plaintext",
        "",
    ] {
        let said = refused(&format!("# first\nalice:{other}\n"), Format::Htpasswd);
        let expected = "line 2: user alice: the password is not hashed by bcrypt";
        assert!(said.starts_with(expected) && said.contains("htpasswd -B"), "{said}");
        assert!(other.is_empty() || !said.contains(other), "{said}");
        let said = refused(&format!("[users]\n\nalice = '{other}'\n"), Format::Toml);
        assert!(said.starts_with("line 3: user alice: the password is not hashed"), "{said}");
    }
}

#[test]
fn damaged_and_too_costly_hashes_are_refused() {
    let whole = hash("wonder", 4);
    let (short, _) = whole.split_at(59);
    for damaged in [short, &format!("{whole}a"), "$2y$04$", "$2y$4$a", "$2y$03$a", "$2y$xx$"] {
        let said = refused(&format!("alice:{damaged}"), Format::Htpasswd);
        assert!(said.contains("no whole hash by bcrypt"), "{damaged}: {said}");
    }
    let costly = whole.replace("$04$", "$15$");
    let said = refused(&format!("alice:{costly}"), Format::Htpasswd);
    assert!(said.contains("a cost of 15") && said.contains("at most 14"), "{said}");
    Users::parse(&format!("alice:{}", whole.replace("$04$", "$14$")), Format::Htpasswd).unwrap();
}

#[test]
fn what_is_no_user_is_refused_with_its_line() {
    let hash = hash("wonder", 4);
    for (text, expected) in [
        ("alice".to_owned(), "line 1: write one user a line"),
        (format!(":{hash}"), "line 1: the name of a user has 1 to 255 bytes"),
        (format!("a\u{7}b:{hash}"), "line 1: the name of a user holds no control characters"),
        (format!("a:{hash}\nb:{hash}\na:{hash}"), "line 3: user a is there twice"),
    ] {
        let said = refused(&text, Format::Htpasswd);
        assert!(said.starts_with(expected), "{said}");
    }
    for (text, expected) in [
        (format!("[users]\n\"a:b\" = '{hash}'"), "line 2: the name of a user holds no colon"),
        (format!("alice = '{hash}'"), "line 1: \"alice\" is not known here"),
        (format!("\n[user]\nalice = '{hash}'"), "line 2: \"user\" is not known here"),
        (format!("[users]\n[users.alice]\nhash = '{hash}'"), "line 2: \"alice\" is not known here"),
        (format!("[users]\nalice = '{hash}'\nalice = '{hash}'"), "line 3: not TOML: "),
        (format!("[users]\nalice = {hash}"), "line 2: not TOML: "),
    ] {
        let said = refused(&text, Format::Toml);
        assert!(said.starts_with(expected) && !said.contains(&hash), "{said}");
    }
}

#[test]
fn a_password_that_bcrypt_would_cut_is_never_right() {
    let longest = "x".repeat(72);
    let users = users(&[("alice", &hash(&longest, 4))]);
    assert!(checks(&users, "alice", &longest));
    // Bcrypt itself takes these for the same.
    for other in ["x".repeat(73), "x".repeat(5000), "x".repeat(71)] {
        assert!(!checks(&users, "alice", &other), "{}", other.len());
    }
    assert_eq!(PasswordHash::make(&password(&"x".repeat(73))), Err(Unhashable::Password));
    assert_eq!(PasswordHash::make(&password("")), Err(Unhashable::Password));
    assert_eq!(PasswordHash::make(&password("a\0b")), Err(Unhashable::Password));
}

#[test]
fn an_empty_password_and_one_with_a_nul_are_never_right() {
    let empty = bcrypt::hash("", 4).unwrap();
    let cut = bcrypt::hash("a\0b", 4).unwrap();
    let users = users(&[("alice", &empty), ("bob", &cut)]);
    assert!(!checks(&users, "alice", "") && !checks(&users, "bob", "a\0b"));
}

#[test]
fn every_check_takes_the_same_evaluations_of_the_same_costs() {
    let (cheap, dear) = (hash("wonder", 4), hash("builder", 6));
    let users = users(&[("alice", &cheap), ("bob", &dear), ("carol", &cheap)]);
    for (name, text, right) in [
        ("alice", "wonder", true),
        ("bob", "builder", true),
        ("alice", "builder", false),
        ("bob", "", false),
        ("bob", "a\0b", false),
        ("nobody", "wonder", false),
        ("", "", false),
    ] {
        let costs = Mutex::new(Vec::new());
        let checked = users.check(name, &password(text), &|hash, password| {
            costs.lock().unwrap().push(hash.cost());
            hash.fits(password)
        });
        assert_eq!(checked.map(|(user, _)| user), right.then_some(name));
        assert_eq!(*costs.lock().unwrap(), [4, 6], "{name} {text:?}");
    }
    let costs = Mutex::new(Vec::new());
    let nobody = Users::parse("", Format::Htpasswd).unwrap();
    let checked = nobody.check("alice", &password("wonder"), &|hash, _| {
        costs.lock().unwrap().push(hash.cost());
        true
    });
    assert!(checked.is_none(), "no user, whatever fits");
    assert_eq!(*costs.lock().unwrap(), [NEW_HASH_COST]);
}

#[test]
fn no_password_and_no_hash_is_ever_printed() {
    let users = users(&[("alice", &hash("wonder", 4))]);
    let shown = format!("{users:?} {:?} {:?}", password("s3cret"), users.find("alice"));
    assert_eq!(shown, "Users(1) Password(secret) Some((\"alice\", PasswordHash(cost 4)))");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        for format in [Format::Htpasswd, Format::Toml] {
            drop(Users::parse(&text, format));
            drop(Users::parse(&format!("[users]\na = {text}"), format));
        }
    }
}
