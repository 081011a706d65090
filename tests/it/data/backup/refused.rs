//! Backups that are not used, and places that are not written to.

use super::*;

#[test]
fn what_is_no_whole_backup_is_refused_and_nothing_is_touched() {
    let host = with_data();
    host.ask(&["backup", "good"]);
    let folder = host.stop_and_keep();
    let good = folder.path().join("good");
    let manifest = std::fs::read_to_string(good.join("manifest.json")).unwrap();
    let database = std::fs::read(good.join("chameleon.sqlite")).unwrap();
    let flipped = |at: usize| {
        let mut bytes = database.clone();
        bytes[at] ^= 1;
        bytes
    };
    let text = |from: &str, to: &str| {
        let text = manifest.replacen(from, to, 1);
        assert_ne!(text, manifest, "{from}");
        text.into_bytes()
    };
    let cases: [(&str, Option<Vec<u8>>, &str); 10] = [
        (
            "chameleon.sqlite",
            Some(flipped(database.len() / 2)),
            "is not what was backed up",
        ),
        (
            "chameleon.sqlite",
            Some(database[..database.len() - 4096].to_vec()),
            "is not what was backed up",
        ),
        ("chameleon.sqlite", None, "cannot read it"),
        (
            "chameleon.kv.sqlite",
            Some(Vec::new()),
            "is not what was backed up",
        ),
        (
            "chameleon.wasm",
            Some(b"no wasm".to_vec()),
            "is not what was backed up",
        ),
        ("manifest.json", None, "it has no manifest.json"),
        (
            "manifest.json",
            Some(manifest.as_bytes()[..manifest.len() / 2].to_vec()),
            "is damaged",
        ),
        (
            "manifest.json",
            Some(text("\"bytes\": ", "\"bytes\": 1")),
            "its checksum differs",
        ),
        (
            "manifest.json",
            Some(text("\"format\": 1", "\"format\": 0")),
            "has format 0",
        ),
        (
            "manifest.json",
            Some(text("\"chameleon.wasm\"", "\"../chameleon.wasm\"")),
            "its checksum differs",
        ),
    ];
    let before = content(&folder.path().join("db"));
    for (name, bytes, reason) in cases {
        let bad = folder.path().join("bad");
        copy_folder(&good, &bad);
        match &bytes {
            Some(bytes) => std::fs::write(bad.join(name), bytes).unwrap(),
            None => std::fs::remove_file(bad.join(name)).unwrap(),
        }
        let why = refused(folder.path(), &["restore", "bad", "--replace"]);
        assert!(why.contains(reason), "{name}: {why}");
        assert_eq!(content(&folder.path().join("db")), before, "{name}: {why}");
        std::fs::remove_dir_all(bad).unwrap();
    }
}

/// With a checksum that fits, as whoever writes a manifest by hand would have it.
fn signed(mut manifest: Value) -> Vec<u8> {
    let field = |name: &str| manifest[name].to_string();
    // In the order in which the host writes the fields.
    let plugin = &manifest["plugins"]["chameleon"];
    let mut files = Vec::new();
    for (name, sum) in plugin["files"].as_object().unwrap() {
        files.push(format!(
            "{}:{{\"bytes\":{},\"sha256\":{}}}",
            json!(name),
            sum["bytes"],
            sum["sha256"]
        ));
    }
    // By name, as the host does.
    files.sort();
    let text = format!(
        "{{\"format\":{},\"greenroom\":{},\"taken\":{},\"plugins\":{{\"chameleon\":{{\"build\":{},\"migrations\":{},\
         \"files\":{{{}}}}}}},\"checksum\":\"\"}}",
        field("format"),
        field("greenroom"),
        field("taken"),
        plugin["build"],
        plugin["migrations"],
        files.join(",")
    );
    manifest["checksum"] = json!(hex::encode(Sha256::digest(text)));
    serde_json::to_vec(&manifest).unwrap()
}

#[test]
fn a_manifest_reaches_no_file_but_its_plugins() {
    let host = with_data();
    host.ask(&["backup", "bak"]);
    let folder = host.stop_and_keep();
    let path = folder.path().join("bak/manifest.json");
    let good: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let before = content(&folder.path().join("db"));
    for name in [
        "../chameleon.sqlite",
        "/etc/passwd",
        "other.sqlite",
        "chameleon.sqlite-wal",
        "chameleon.sqlite.before-migration",
    ] {
        let mut bad = good.clone();
        let files = bad["plugins"]["chameleon"]["files"]
            .as_object_mut()
            .unwrap();
        let sum = files["chameleon.sqlite"].clone();
        files.insert(name.into(), sum);
        std::fs::write(&path, signed(bad)).unwrap();
        let why = refused(folder.path(), &["restore", "bak", "--replace"]);
        assert!(why.contains("is no file of the plugin chameleon"), "{why}");
    }
    let mut bad = good.clone();
    bad["plugins"]["chameleon"]["migrations"] = json!([1, 2]);
    std::fs::write(&path, signed(bad)).unwrap();
    let why = refused(folder.path(), &["restore", "bak", "--replace"]);
    assert!(
        why.contains("other migrations than the manifest says"),
        "{why}"
    );
    // A database that is damaged, with sums that fit.
    let database = folder.path().join("bak/chameleon.sqlite");
    let whole = std::fs::read(&database).unwrap();
    let mut broken = whole.clone();
    broken[8192..12288].fill(0);
    std::fs::write(&database, &broken).unwrap();
    let mut bad = good.clone();
    bad["plugins"]["chameleon"]["files"]["chameleon.sqlite"]["sha256"] =
        json!(hex::encode(Sha256::digest(&broken)));
    std::fs::write(&path, signed(bad)).unwrap();
    let why = refused(folder.path(), &["restore", "bak", "--replace"]);
    assert!(why.contains("of the backup; use another"), "{why}");
    std::fs::write(&database, &whole).unwrap();
    assert_eq!(content(&folder.path().join("db")), before);
    // The manifest itself, signed likewise, is good.
    std::fs::write(&path, signed(good)).unwrap();
    greenroom(folder.path(), &["restore", "bak", "--replace"]).unwrap();
}

#[test]
fn links_are_neither_followed_nor_replaced() {
    let host = with_data();
    host.ask(&["backup", "bak"]);
    let folder = host.stop_and_keep();
    let path = folder.path();
    std::fs::write(path.join("precious"), "precious").unwrap();
    let link = |place: &str| {
        let place = path.join(place);
        std::fs::remove_file(&place).ok();
        std::os::unix::fs::symlink(path.join("precious"), place).unwrap();
    };
    for place in ["db/chameleon.sqlite", "plugins/chameleon.wasm"] {
        let kept = std::fs::read(path.join(place)).unwrap();
        link(place);
        let why = refused(path, &["restore", "bak", "--replace"]);
        assert!(why.contains("is no plain file"), "{place}: {why}");
        std::fs::remove_file(path.join(place)).unwrap();
        std::fs::write(path.join(place), kept).unwrap();
    }
    // One that waits where a restore puts its file at first.
    link("db/chameleon.sqlite.restoring");
    greenroom(path, &["restore", "bak", "--replace"]).unwrap();
    assert_eq!(
        std::fs::read_to_string(path.join("precious")).unwrap(),
        "precious"
    );
    // A file of the backup that leads elsewhere, and a target that does.
    let database = path.join("bak/chameleon.sqlite");
    std::fs::rename(&database, path.join("moved")).unwrap();
    std::os::unix::fs::symlink(path.join("moved"), &database).unwrap();
    refused(path, &["restore", "bak", "--replace"]);
    link("dangling");
    std::fs::remove_file(path.join("precious")).unwrap();
    let why = refused(path, &["backup", "dangling"]);
    assert!(why.contains("is there already"), "{why}");
}

#[test]
fn a_backup_takes_a_new_folder_that_can_be_written() {
    let host = with_data();
    for name in ["plugins", "app-config.yaml"] {
        let why = refused(host.folder(), &["backup", name]);
        assert!(why.contains("is there already"), "{why}");
    }
    let why = refused(host.folder(), &["backup", "no/such/folder"]);
    assert!(why.contains("cannot write into"), "{why}");
    let left = |folder: &Path| {
        let names = std::fs::read_dir(folder).unwrap().flatten();
        names
            .filter(|e| {
                e.file_name()
                    .to_string_lossy()
                    .starts_with(".greenroom-backup-")
            })
            .count()
    };
    assert_eq!(left(host.folder()), 0, "what was refused leaves nothing");
}

/// `greenroom ARGS` where no file may have more than some KiB: writes fail there as they do on a full disk.
fn without_room(folder: &Path, args: &str) -> String {
    let script = format!(
        "trap '' XFSZ; ulimit -f 128; exec {} {args} --json --config app-config.yaml --config fixed.yaml",
        binary().display()
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{args}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn without_room_on_the_disk_nothing_is_begun() {
    let host = with_data();
    run(&host, "INSERT INTO acked VALUES (5, hex(zeroblob(100000)))");
    host.ask(&["backup", "bak"]);
    let folder = host.stop_and_keep();
    let before = content(folder.path());
    let why = without_room(folder.path(), "backup other");
    assert!(why.contains("error"), "{why}");
    assert_eq!(content(folder.path()), before, "what was begun is gone");
    let why = without_room(folder.path(), "restore bak --replace");
    assert!(
        why.contains("chameleon.sqlite.restoring: cannot write it"),
        "{why}"
    );
    assert_eq!(content(folder.path()), before, "nothing was replaced");
}
