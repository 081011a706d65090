//! What principals may, where the operator has policies: the example of docs/permissions.md, with users' tokens; and what
//! is left to a restricted token without any.

use super::*;
use greenroom_tests::{repository, todo};

const TODOS: &str = "/api/todo/todos";

/// The block of that language in the page, the first one.
fn example(language: &str) -> String {
    let page = std::fs::read_to_string(repository().join("docs/permissions.md")).unwrap();
    let (_, after) = page.split_once(&format!("```{language}\n")).unwrap();
    after.split_once("```").unwrap().0.to_owned()
}

fn create(host: &Host, entity: &str) -> String {
    let todo = json!({ "title": "a", "entityRef": entity });
    let created = host.post(TODOS, &todo);
    assert_eq!(created.status, 201, "{}", created.text());
    format!("{TODOS}/{}", created.json()["id"].as_str().unwrap())
}

fn delete(host: &Host, path: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    host.request("DELETE", path)
        .header("authorization", bearer)
        .send()
        .status
}

#[test]
fn owners_delete_and_nobody_else() {
    let backstage = Backstage::start();
    let setup = Setup::new()
        .config(&format!(
            "{}\npermissions: {{policies: ./todo.cedar, entities: ./owners.json}}\n",
            backstage.config()
        ))
        .plugin("todo", &todo());
    for (file, language) in [("todo.cedar", "cedar"), ("owners.json", "json")] {
        std::fs::write(setup.folder().join(file), example(language)).unwrap();
    }
    let host = setup.start();
    let mine = create(&host, "component:default/my-service");
    let theirs = create(&host, "component:default/another");

    // The file puts Jane into the team, whatever her token says.
    let jane = backstage.user_who(|claims| claims["ent"] = json!([JANE]));
    let sam = |groups: &[&str]| {
        backstage.user_who(|claims| {
            claims["sub"] = "user:default/sam".into();
            claims["ent"] = json!([&["user:default/sam"], groups].concat());
        })
    };
    let outsider = sam(&["group:default/team-b"]);
    assert_eq!(host.request("DELETE", &mine).send().status, 403, "nobody");
    assert_eq!(delete(&host, &mine, &outsider), 403, "no owner");
    assert_eq!(
        delete(&host, &mine, &backstage.plugin("todo")),
        403,
        "a plugin"
    );
    assert_eq!(delete(&host, &theirs, &jane), 403, "of nobody");
    assert_eq!(delete(&host, &mine, &jane), 204, "an owner by the file");
    let again = create(&host, "component:default/my-service");
    let member = sam(&["group:default/team-a"]);
    assert_eq!(delete(&host, &again, &member), 204, "an owner by the token");
    let line = host.wait_for_log(&["permission denied", "user:default/sam", "todo.delete"]);
    assert!(!line.contains(&outsider), "{line}");
    host.wait_for_log(&[
        "permission-denied",
        "\"isAuditEvent\":true",
        "user:default/sam",
    ]);
}

#[test]
fn a_restricted_token_has_what_is_left_to_it_without_policies() {
    let config = external_access(&[
        "{type: static, options: {token: readers-token, subject: reader}, \
         accessRestrictions: [{plugin: todo, permission: todo.read}]}",
        "{type: static, options: {token: removers-token, subject: remover}, \
         accessRestrictions: [{plugin: todo, permissionAttribute: {action: [read, delete]}}]}",
    ]);
    let host = Setup::new().config(&config).plugin("todo", &todo()).start();
    let path = create(&host, "component:default/my-service");
    assert_eq!(ask(&host, &path, "readers-token").status, 200);
    // The first question says that it is declared, the later ones whether there is anything to ask.
    for _ in 0..3 {
        assert_eq!(delete(&host, &path, "readers-token"), 403);
    }
    let update = host
        .request("PATCH", &path)
        .header("authorization", "Bearer removers-token")
        .json(&json!({ "completed": true }))
        .send();
    assert_eq!(update.status, 403, "{}", update.text());
    assert_eq!(delete(&host, &path, "removers-token"), 204);
}
