//! Tokens that are good, and every way in which one is none.

use super::refusal::Part;
use super::*;
use crate::model::{Avatar, Name};

/// 2026-01-01 00:00 UTC.
const NOW: u64 = 1_767_225_600;

fn keys(lines: &[&[u8]]) -> Keys {
    Keys::read(&lines.join(&b'\n')).expect("keys")
}

fn one_key() -> Keys {
    keys(&[&[b'k'; 32]])
}

/// A token with this header and payload, as they are.
fn signed(header: &str, payload: &[u8], keys: &Keys) -> String {
    let (header, payload) = (
        encode_base64url(header.as_bytes()),
        encode_base64url(payload),
    );
    // Sealing writes the usual header, so the signature of another one is taken apart here.
    let body = format!("{header}.{payload}");
    format!("{body}.{}", jws::signature(body.as_bytes(), keys.first()))
}

const HS256: &str = r#"{"alg":"HS256"}"#;

/// What a payload leads to when it is signed as it should be.
#[track_caller]
fn judge(payload: &str, audience: Option<&str>) -> Result<Person, Refusal> {
    let token = signed(HS256, payload.as_bytes(), &one_key());
    verify(&token, &one_key(), audience, NOW)
}

/// The example of RFC 7515, appendix A.1: its signature is good, and it names nobody.
#[test]
fn the_rfcs_own_token_is_verified() {
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = Key::new(&decode_base64url(key).expect("a key")).expect("64 bytes");
    let keys = Keys {
        first: key,
        second: None,
    };
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
                 .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                 cGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
                 .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(
        verify(token, &keys, None, 1_300_819_380),
        Err(Refusal::Missing("sub"))
    );
    let other = token.replace(".dBj", ".dBk");
    assert_eq!(
        verify(&other, &keys, None, 1_300_819_380),
        Err(Refusal::Signature)
    );
}

#[test]
fn what_is_signed_is_read_back() {
    let claims = Claims {
        sub: "o-1".into(),
        aud: Some(Audience::One("roshambo".into())),
        iat: Some(NOW.into()),
        nbf: None,
        exp: (NOW + 3_600).into(),
        name: Some("剪刀 \u{202e}Ann".into()),
        avatar: Some("builtin:3".into()),
    };
    let token = sign(&claims, one_key().first());
    let person = verify(&token, &one_key(), Some("roshambo"), NOW).expect("a person");
    assert_eq!(person.sub.as_str(), "o-1");
    assert_eq!(person.name, Some(Name::new("剪刀 Ann")));
    assert_eq!(person.avatar, Some(Avatar::Builtin(3)));
    let payload = token.split('.').nth(1).and_then(decode_base64url);
    let text = String::from_utf8(payload.expect("a payload")).expect("a text");
    assert_eq!(
        text,
        "{\"sub\":\"o-1\",\"aud\":\"roshambo\",\"iat\":1767225600,\"exp\":1767229200,\
         \"name\":\"剪刀 \u{202e}Ann\",\"avatar\":\"builtin:3\"}"
    );
}

/// What `tests/tokens/make.mjs` had other libraries make.
#[test]
fn other_libraries_tokens_are_good() {
    let text = include_str!("../../tests/tokens/made.json");
    let all: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let keys = Keys::read(text(&all["key"]).as_bytes()).expect("a key");
    let made = all["made"].as_array().expect("a list");
    assert_eq!(made.len(), 6);
    for made in made {
        let (by, token) = (text(&made["by"]), text(&made["token"]));
        let audience = (made["how"] != "plain").then_some("roshambo");
        let judge = |now_s| verify(&token, &keys, audience, now_s);
        let person = judge(NOW).unwrap_or_else(|why| panic!("{by}: {why}"));
        assert_eq!(person.sub.as_str(), "o-1 剪", "{by}");
        assert_eq!(person.name, Some(Name::new("Ann \"石头\"")), "{by}");
        assert_eq!(person.avatar, Some(Avatar::Builtin(3)), "{by}");
        assert!(judge(NOW + 3_600 + LEEWAY_S).is_err(), "{by}");
        assert_eq!(
            verify(&token, &one_key(), audience, NOW),
            Err(Refusal::Signature)
        );
    }
}

#[test]
fn times_have_a_minute_of_leeway() {
    let expired = |since_s| Err(Refusal::Expired { since_s });
    let early = |claim, in_s| Err(Refusal::Early { claim, in_s });
    #[rustfmt::skip]
    let rows = [
        // exp, iat and nbf as they are written, and what it leads to.
        ("1767225601", "", Ok(())), ("1767225600", "", Ok(())), ("1767225541", "", Ok(())),
        ("1767225540.5", "", Ok(())), ("1767225540", "", expired(60)), ("0", "", expired(NOW)),
        ("-1", "", expired(NOW + 1)), ("1e300", "", Ok(())), ("1.8e9", "", Ok(())),
        ("1767225601", r#","iat":1767225660"#, Ok(())), ("1767225601", r#","iat":1767225661"#, early("iat", 61)),
        ("1767225601", r#","nbf":1767225660"#, Ok(())), ("1767225601", r#","nbf":1767225660.5"#, early("nbf", 60)),
        ("1767225601", r#","nbf":0,"iat":0"#, Ok(())), ("1767225601", r#","nbf":null,"iat":null"#, Ok(())),
    ];
    for (exp, more, want) in rows {
        let payload = format!(r#"{{"sub":"o","exp":{exp}{more}}}"#);
        assert_eq!(judge(&payload, None).map(|_| ()), want, "{payload}");
    }
}

#[test]
fn every_claim_has_its_form() {
    use Refusal::{Kind, Missing, NoObject, OtherAudience, Sub, UnaskedAudience};
    const SECONDS: &str = "a number of seconds since 1970";
    const TEXTS: &str = "a text, or a list of texts";
    let twice = |name: &str| Refusal::Twice(Part::Payload, name.into());
    let long = format!(r#"{{"exp":2e9,"sub":"{}"}}"#, "x".repeat(65));
    let deep = format!(
        r#"{{"exp":2e9,"sub":"o","x":{}0{}}}"#,
        "[".repeat(600),
        "]".repeat(600)
    );
    #[rustfmt::skip]
    let rows = [
        (r#"{"exp":2e9,"sub":"o"}"#, None, Ok(())), (" {\"exp\":2e9,\n\"sub\":\"o\"}\r\n ", None, Ok(())),
        (r#"{"exp":2e9,"sub":"o","iss":"me","jti":"1","x":{"a":[1,{"a":1}]}}"#, None, Ok(())), (&deep, None, Ok(())),
        (r#"{"exp":2e9}"#, None, Err(Missing("sub"))), (r#"{"sub":"o"}"#, None, Err(Missing("exp"))),
        (r#"{"exp":null,"sub":"o"}"#, None, Err(Missing("exp"))), (r#"{"exp":2e9,"sub":null}"#, None, Err(Missing("sub"))),
        (r#"{"Exp":2e9,"sub":"o"}"#, None, Err(Missing("exp"))), (r#"{"exp":2e9,"ѕub":"o"}"#, None, Err(Missing("sub"))),
        (r#"{"exp":"2e9","sub":"o"}"#, None, Err(Kind("exp", SECONDS))), (r#"{"exp":true,"sub":"o"}"#, None, Err(Kind("exp", SECONDS))),
        (r#"{"exp":1e999,"sub":"o"}"#, None, Err(Kind("exp", SECONDS))), (r#"{"exp":[2e9],"sub":"o"}"#, None, Err(Kind("exp", SECONDS))),
        (r#"{"exp":2e9,"sub":"o","iat":"0"}"#, None, Err(Kind("iat", SECONDS))), (r#"{"exp":2e9,"sub":"o","nbf":{}}"#, None, Err(Kind("nbf", SECONDS))),
        (r#"{"exp":2e9,"sub":7}"#, None, Err(Kind("sub", "a text"))), (r#"{"exp":2e9,"sub":["o"]}"#, None, Err(Kind("sub", "a text"))),
        (r#"{"exp":2e9,"sub":"o","name":7}"#, None, Err(Kind("name", "a text"))), (r#"{"exp":2e9,"sub":"o","avatar":{}}"#, None, Err(Kind("avatar", "a text"))),
        (r#"{"exp":2e9,"sub":""}"#, None, Err(Sub)), (r#"{"exp":2e9,"sub":"a\u0000"}"#, None, Err(Sub)), (&long, None, Err(Sub)),
        (r#"{"exp":2e9,"sub":"\ud800"}"#, None, Err(Kind("sub", "a text"))),
        // For whom it is.
        (r#"{"exp":2e9,"sub":"o","aud":"a"}"#, Some("a"), Ok(())), (r#"{"exp":2e9,"sub":"o","aud":["b","a"]}"#, Some("a"), Ok(())),
        (r#"{"exp":2e9,"sub":"o","aud":"ab"}"#, Some("a"), Err(OtherAudience)), (r#"{"exp":2e9,"sub":"o","aud":"A"}"#, Some("a"), Err(OtherAudience)),
        (r#"{"exp":2e9,"sub":"o","aud":[]}"#, Some("a"), Err(OtherAudience)), (r#"{"exp":2e9,"sub":"o"}"#, Some("a"), Err(Missing("aud"))),
        (r#"{"exp":2e9,"sub":"o","aud":null}"#, Some("a"), Err(Missing("aud"))), (r#"{"exp":2e9,"sub":"o","aud":7}"#, Some("a"), Err(Kind("aud", TEXTS))),
        (r#"{"exp":2e9,"sub":"o","aud":["a",7]}"#, Some("a"), Err(Kind("aud", TEXTS))),
        (r#"{"exp":2e9,"sub":"o","aud":"a"}"#, None, Err(UnaskedAudience)), (r#"{"exp":2e9,"sub":"o","aud":[]}"#, None, Err(UnaskedAudience)),
        // Twice, also where nobody looks, and however it is written.
        (r#"{"exp":2e9,"sub":"o","sub":"o"}"#, None, Err(twice("sub"))), (r#"{"exp":2e9,"sub":"o","\u0073ub":"p"}"#, None, Err(twice("sub"))),
        (r#"{"exp":2e9,"exp":null,"sub":"o"}"#, None, Err(twice("exp"))), (r#"{"exp":2e9,"sub":"o","x":1,"x":2}"#, None, Err(twice("x"))),
        (r#"{"exp":2e9,"sub":"o","<b>\n":1,"<b>\n":2}"#, None, Err(twice("b"))),
        // No object at all.
        ("", None, Err(NoObject(Part::Payload))), ("[]", None, Err(NoObject(Part::Payload))), ("null", None, Err(NoObject(Part::Payload))),
        (r#""o""#, None, Err(NoObject(Part::Payload))), (r#"{"exp":2e9,"sub":"o"}x"#, None, Err(NoObject(Part::Payload))),
        (r#"{"exp":2e9,"sub":"o"}{}"#, None, Err(NoObject(Part::Payload))), (r#"{"exp":2e9,"sub":"o",}"#, None, Err(NoObject(Part::Payload))),
        (r#"{"exp":2e9,"sub":'o'}"#, None, Err(NoObject(Part::Payload))), (r#"{"exp":NaN,"sub":"o"}"#, None, Err(NoObject(Part::Payload))),
        (r#"{"exp":2e9,"sub":"o","\ud800":1}"#, None, Err(NoObject(Part::Payload))), ("\u{feff}{\"exp\":2e9,\"sub\":\"o\"}", None, Err(NoObject(Part::Payload))),
    ];
    for (payload, audience, want) in rows {
        assert_eq!(judge(payload, audience).map(|_| ()), want, "{payload}");
    }
    let token = signed(HS256, b"{\"exp\":2e9,\"sub\":\"\xff\"}", &one_key());
    let judged = verify(&token, &one_key(), None, NOW);
    assert_eq!(judged, Err(NoObject(Part::Payload)));
}

#[test]
fn a_name_or_picture_that_is_none_is_the_clients_to_choose() {
    let person = |more: &str| {
        let payload = format!(r#"{{"exp":2e9,"sub":"o"{more}}}"#);
        judge(&payload, None).map(|person| (person.name, person.avatar))
    };
    assert_eq!(person(""), Ok((None, None)));
    assert_eq!(person(r#","name":null,"avatar":null"#), Ok((None, None)));
    assert_eq!(
        person(r#","name":"\n","avatar":"javascript:1""#),
        Ok((None, None))
    );
    let ann = (Some(Name::new("Ann")), Some(Avatar::Builtin(0)));
    assert_eq!(person(r#","name":"Ann","avatar":"builtin:0""#), Ok(ann));
}

/// What the header says is never how it is verified.
#[test]
fn there_is_one_algorithm() {
    let payload = br#"{"exp":2e9,"sub":"o"}"#;
    let other = |name: Option<&str>| Refusal::Algorithm(name.map(Into::into));
    #[rustfmt::skip]
    let rows = [
        (r#"{"alg":"HS256","typ":"JWT"}"#, None), (r#"{"typ":"at+jwt","kid":"7","alg":"HS256"}"#, None),
        (r#"{"alg":"none"}"#, Some(other(Some("none")))), (r#"{"alg":"None"}"#, Some(other(Some("None")))),
        (r#"{"alg":""}"#, Some(other(Some("")))), (r#"{"alg":"hs256"}"#, Some(other(Some("hs256")))),
        (r#"{"alg":"HS256 "}"#, Some(other(Some("HS256")))), (r#"{"alg":"HS512"}"#, Some(other(Some("HS512")))),
        (r#"{"alg":"RS256"}"#, Some(other(Some("RS256")))), (r#"{"alg":"ES256"}"#, Some(other(Some("ES256")))),
        (r#"{"alg":"\u0048S256"}"#, None), (r#"{"alg":["HS256"]}"#, Some(other(None))), (r#"{"alg":null}"#, Some(other(None))),
        (r#"{"typ":"JWT"}"#, Some(other(None))), (r#"{"ALG":"HS256"}"#, Some(other(None))),
        (r#"{"alg":"HS256","alg":"none"}"#, Some(Refusal::Twice(Part::Header, "alg".into()))),
        (r#"{"alg":"none","\u0061lg":"HS256"}"#, Some(Refusal::Twice(Part::Header, "alg".into()))),
        (r#"{"alg":"HS256","crit":["exp"]}"#, Some(Refusal::Critical)), (r#"{"alg":"HS256","crit":[],"b64":false}"#, Some(Refusal::Critical)),
        ("[]", Some(Refusal::NoObject(Part::Header))), ("", Some(Refusal::NoObject(Part::Header))), ("HS256", Some(Refusal::NoObject(Part::Header))),
    ];
    for (header, want) in rows {
        let judged = verify(&signed(header, payload, &one_key()), &one_key(), None, NOW);
        assert_eq!(judged.err(), want, "{header}");
    }
    // Without a signature, as the attack has it.
    for header in [r#"{"alg":"none"}"#, HS256] {
        let token = signed(header, payload, &one_key());
        let (body, _) = token.rsplit_once('.').expect("three parts");
        assert!(verify(&format!("{body}."), &one_key(), None, NOW).is_err());
    }
}

#[test]
fn only_the_servers_keys_sign() {
    let payload = br#"{"exp":2e9,"sub":"o"}"#;
    let (old, new, other) = ([b'o'; 32], [b'n'; 256], [b'x'; 32]);
    let both = keys(&[&new, &old]);
    let by = |key: &[u8]| signed(HS256, payload, &keys(&[key]));
    assert!(verify(&by(&old), &both, None, NOW).is_ok());
    assert!(verify(&by(&new), &both, None, NOW).is_ok());
    let refused = Err(Refusal::Signature);
    assert_eq!(verify(&by(&other), &both, None, NOW), refused);
    // Once it is rotated out.
    assert_eq!(verify(&by(&old), &keys(&[&new]), None, NOW), refused);
    // With a wrong signature nothing is told of the claims, and nothing read of them.
    for payload in ["{}", "x", r#"{"exp":0,"sub":"o"}"#] {
        let token = signed(HS256, payload.as_bytes(), &keys(&[&other]));
        assert_eq!(verify(&token, &both, None, NOW), refused);
    }
    // A beginning of the signature is none.
    let token = by(&old);
    for less in 1..43 {
        let token = &token[..token.len() - less];
        assert!(verify(token, &both, None, NOW).is_err(), "{less} less");
    }
}

#[test]
fn a_token_has_one_form() {
    let good = signed(HS256, br#"{"exp":2e9,"sub":"oo"}"#, &one_key());
    let judge = |token: &str| verify(token, &one_key(), None, NOW);
    assert!(judge(&good).is_ok());
    let [header, payload, signature] = {
        let mut parts = good.split('.');
        std::array::from_fn(|_| parts.next().expect("three parts"))
    };
    let encoding = |part| Err(Refusal::Encoding(part));
    #[rustfmt::skip]
    let rows = [
        (String::new(), Err(Refusal::Parts(1))), ("..".into(), Err(Refusal::NoObject(Part::Header))), (".".repeat(2_048), Err(Refusal::Parts(2_049))),
        (format!("{header}.{payload}"), Err(Refusal::Parts(2))), (format!("{good}."), Err(Refusal::Parts(4))), (format!(".{good}"), Err(Refusal::Parts(4))),
        // As JWE has it.
        (format!("{header}....{signature}"), Err(Refusal::Parts(5))),
        (format!("{good} "), encoding(Part::Signature)), (format!(" {good}"), encoding(Part::Header)), (format!("{good}\n"), encoding(Part::Signature)),
        (format!("{good}="), encoding(Part::Signature)), (format!("{good}A"), Err(Refusal::Signature)), (format!("{header}=.{payload}.{signature}"), encoding(Part::Header)),
        (format!("{good}\0"), encoding(Part::Signature)), (format!("Bearer {good}"), encoding(Part::Header)),
        (format!("{header}.{payload}.{}", "é".repeat(21)), encoding(Part::Signature)), (format!("{header}.{payload}.ａ{}", &signature[1..]), encoding(Part::Signature)),
        (format!("{header}.{payload}\u{200b}.{signature}"), Err(Refusal::Signature)),
        (good.replace('-', "+").replace('_', "/"), if good.contains(['-', '_']) { encoding(Part::Signature) } else { judge(&good) }),
        (format!("{header}.{payload}."), Err(Refusal::Signature)), (format!("{header}..{signature}"), Err(Refusal::Signature)),
        ("x".repeat(2_049), Err(Refusal::TooLong(2_049))), ("x".repeat(2_048), Err(Refusal::Parts(1))),
    ];
    for (token, want) in rows {
        assert_eq!(judge(&token).map(|_| ()), want.map(|_| ()), "{token:?}");
    }
    // The longest that is taken, and one byte more.
    let padded = |pad: usize| {
        let payload = format!(r#"{{"exp":2e9,"sub":"o","x":"{}"}}"#, "x".repeat(pad));
        signed(HS256, payload.as_bytes(), &one_key())
    };
    let longest = (0..2_048)
        .map(padded)
        .take_while(|token| token.len() <= TOKEN_BYTES_MAX);
    let longest = longest.last().expect("one that fits");
    assert!(2_045 < longest.len() && judge(&longest).is_ok());
    // The signature's last character has two bits that mean nothing.
    let last = good.bytes().last().expect("a character");
    let others = (b'A'..=b'z').filter(|&byte| byte != last);
    for other in others {
        let mut changed = good.clone();
        changed.pop();
        changed.push(char::from(other));
        assert!(judge(&changed).is_err(), "{changed}");
    }
}

#[test]
fn base64url_is_read_back_and_has_one_text() {
    let mut rng = fastrand::Rng::with_seed(5);
    for length in 0..200_usize {
        let bytes: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
        let text = encode_base64url(&bytes);
        assert_eq!(text.len(), (length * 4).div_ceil(3));
        assert_eq!(decode_base64url(&text), Some(bytes));
    }
    // RFC 4648, section 10.
    let rows = [
        ("f", "Zg"),
        ("fo", "Zm8"),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg"),
    ];
    for (bytes, text) in rows {
        assert_eq!(encode_base64url(bytes.as_bytes()), text);
    }
    for bad in [
        "A", "AAAAA", "AB", "AAB", "Zg==", "Zh", "Zm9", "A+AA", "A/AA", "A AA", "AA\n", "é", "Aé",
    ] {
        assert_eq!(decode_base64url(bad), None, "{bad:?}");
    }
}

#[test]
fn a_file_has_one_key_or_two() {
    let key = "k".repeat(32);
    let cases = [
        (key.clone(), Ok(1)),
        (format!("{key}\n"), Ok(1)),
        (format!("\n{key}\n\n{key}x\n"), Ok(2)),
        ("k".repeat(256), Ok(1)),
        (format!(" {key} "), Ok(1)),
        (String::new(), Err("has no key in it")),
        ("\n\n".into(), Err("has no key in it")),
        (
            "k".repeat(31),
            Err("has a line 1 that has 31 bytes: 32 to 256 are needed"),
        ),
        (
            format!("{key}\n{}", "k".repeat(257)),
            Err("has a line 2 that has 257 bytes: 32 to 256 are needed"),
        ),
        (format!("{key}\n{key}\n{key}"), Err("has more than 2 keys")),
        (
            format!("{key}\r\n"),
            Err("has a line 1 that ends with a carriage return: save it with plain line ends"),
        ),
        (
            format!("\u{feff}{key}\n"),
            Err("has a line 1 that begins with a byte order mark: save it without"),
        ),
    ];
    for (file, want) in cases {
        let read = Keys::read(file.as_bytes()).map(|keys| keys.count());
        assert_eq!(read, want.map_err(str::to_owned), "{file:?}");
    }
    // Any bytes are a key.
    let binary: Vec<u8> = (0x80..=0xff).collect();
    assert_eq!(Keys::read(&binary).map(|keys| keys.count()), Ok(1));
    let shown = format!("{:?}", one_key());
    assert!(!shown.contains("kkk"), "{shown}");
}

/// Whatever comes is judged, and what is not to the letter what was signed is refused.
#[test]
fn fuzz_what_is_changed_is_refused() {
    let mut rng = fastrand::Rng::with_seed(16);
    let good = signed(HS256, br#"{"exp":2e9,"sub":"o","name":"Ann"}"#, &one_key());
    let letters: Vec<char> = "AZaz09-_.=+/ \n\0é\u{202e}".chars().collect();
    for _ in 0..20_000 {
        let mut token: Vec<char> = good.chars().collect();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..token.len());
            let letter = letters[rng.usize(..letters.len())];
            let other = rng.usize(..token.len());
            match rng.u8(..4) {
                0 => token[at] = letter,
                1 => token.insert(at, letter),
                2 => token.swap(at, other),
                _ => token.truncate(at.max(1)),
            }
        }
        let token: String = token.into_iter().collect();
        let judged = verify(&token, &one_key(), None, NOW);
        assert_eq!(judged.is_ok(), token == good, "{token}");
        if let Err(refusal) = judged {
            let told = refusal.to_string();
            assert!(told.len() < 120 && told.is_ascii(), "{told}");
        }
    }
}

/// Whatever a key of ours signed leads to a sound person or to a refusal.
#[test]
fn fuzz_what_is_signed_is_judged() {
    let mut rng = fastrand::Rng::with_seed(61);
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"sub\"",
        "\"exp\"",
        "\"aud\"",
        "\"name\"",
        "\"\\u0073ub\"",
        "\"o\"",
        "\"\\ud83d\"",
        "2e9",
        "-1",
        "1e400",
        "null",
        "true",
        "\"",
        "\\",
        " ",
        "\u{feff}",
        "é",
        "{\"exp\":2e9,\"sub\":\"o\"",
        ",\"name\":",
        "}}",
    ];
    let mut good = 0;
    for _ in 0..20_000 {
        let count = rng.usize(..10);
        let mut payload: String = (0..count)
            .map(|_| pieces[rng.usize(..pieces.len())])
            .collect();
        if rng.bool() {
            payload = format!("{{\"exp\":2e9,\"sub\":\"o\"{payload}}}");
        }
        if let Ok(person) = judge(&payload, None) {
            good += 1;
            assert!((1..=64).contains(&person.sub.as_str().len()), "{payload}");
        }
    }
    assert!(100 < good, "{good} were good");
}

#[test]
fn a_refusal_says_which_claim_and_how_late() {
    #[rustfmt::skip]
    let rows = [
        (Refusal::Expired { since_s: 61 }, "its claim exp was 61 s ago by the server's clock"),
        (Refusal::Expired { since_s: 7_199 }, "its claim exp was 119 min ago by the server's clock"),
        (Refusal::Expired { since_s: 86_400 }, "its claim exp was 24 h ago by the server's clock"),
        (Refusal::Early { claim: "nbf", in_s: 400_000 }, "its claim nbf is 4 d ahead of the server's clock, 60 s are the most"),
        (Refusal::Algorithm(Some("none".into())), "its alg is \"none\", not HS256"),
        (Refusal::Missing("sub"), "its claim sub is missing"),
        (Refusal::Encoding(Part::Payload), "its payload is not base64url without padding (RFC 7515, section 2)"),
    ];
    for (refusal, want) in rows {
        assert_eq!(refusal.to_string(), want);
    }
}
