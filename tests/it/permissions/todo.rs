//! The todo plugin under policies.

use super::*;
use greenroom_tests::{Response, todo};

const TODOS: &str = "/api/todo/todos";

fn host(policies: &str) -> Host {
    setup(policies).plugin("todo", &todo()).start()
}

/// A todo of this component; its path.
fn create(host: &Host, title: &str, component: &str) -> Response {
    let entity_ref = format!("component:default/{component}");
    host.post(TODOS, &json!({ "title": title, "entityRef": entity_ref }))
}

fn path_of(created: &Response) -> String {
    assert_eq!(created.status, 201, "{}", created.text());
    format!("{TODOS}/{}", created.json()["id"].as_str().unwrap())
}

fn status(host: &Host, method: &str, path: &str) -> u16 {
    let request = host.request(method, path);
    match method {
        "PATCH" => request.json(&json!({ "completed": true })).send().status,
        _ => request.send().status,
    }
}

fn titles(answer: &Response) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let list = answer.json();
    let titles = list.as_array().unwrap().iter();
    titles
        .map(|item| item["title"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_of_its_permissions_is_denied_by_itself() {
    for (denied, statuses) in [
        ("todo.create", [403, 200, 200, 200, 204]),
        ("todo.read", [201, 403, 403, 200, 204]),
        ("todo.update", [201, 200, 200, 403, 204]),
        ("todo.delete", [201, 200, 200, 200, 403]),
    ] {
        let policies = format!(
            "permit (principal, action, resource);\n\
             forbid (principal, action == Action::\"{denied}\", resource) unless {{ principal is User }};"
        );
        let host = host("permit (principal, action, resource);");
        let item = path_of(&create(&host, "a", "mine"));
        std::fs::write(host.folder().join("a.cedar"), policies).unwrap();
        host.wait_until("the policies are read", |host| {
            host.plugins()["permissions"]["policies"] == 2
        });
        let asked = [
            create(&host, "b", "mine").status,
            host.get(TODOS).status,
            host.get(&item).status,
            status(&host, "PATCH", &item),
            status(&host, "DELETE", &item),
        ];
        assert_eq!(asked, statuses, "{denied}");
        assert_eq!(host.get("/api/todo/openapi.json").status, 200);
    }
}

/// What a policy knows of a todo to be deleted comes out of the database.
#[test]
fn only_todos_of_one_entity_may_be_deleted() {
    let host = host(
        r#"permit (principal, action, resource) unless { action == Action::"todo.delete" };
        permit (principal, action == Action::"todo.delete", resource)
        when { resource has entity && resource.entity.owner == Group::"group:default/team-a" };"#,
    );
    let mine = path_of(&create(&host, "a", "mine"));
    let theirs = path_of(&create(&host, "b", "theirs"));
    let none = path_of(&host.post(TODOS, &json!({ "title": "c" })));
    let (missing, odd) = (
        format!("{TODOS}/none"),
        format!("{TODOS}/{}", "x".repeat(2000)),
    );
    for path in [&theirs, &none, &missing, &odd] {
        let answer = host.request("DELETE", path).send();
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        let body = answer.json();
        assert_eq!(body["error"]["name"], "NotAllowedError");
        assert_eq!(
            body["error"]["message"],
            "the permission todo.delete is denied"
        );
        assert!(
            path.starts_with(body["request"]["url"].as_str().unwrap()),
            "{body}"
        );
    }
    assert_eq!(status(&host, "DELETE", &mine), 204);
    assert_eq!(status(&host, "GET", &mine), 404);
    assert_eq!(titles(&host.get(TODOS)), ["c", "b"]);
    host.wait_for_log(&["permission denied", "todo.delete", "todo/todo/none"]);
}

#[test]
fn todos_are_created_for_the_entities_that_a_policy_permits() {
    let host = host(
        r#"permit (principal, action == Action::"todo.create", resource)
        when { resource.entity == Entity::"component:default/mine" };
        permit (principal, action == Action::"todo.read", resource);"#,
    );
    let key = |component: &str| {
        let body = json!({ "title": "a", "entityRef": format!("component:default/{component}") });
        let request = host
            .request("POST", TODOS)
            .header("idempotency-key", component);
        request.json(&body).send().status
    };
    assert_eq!(
        (key("mine"), key("mine"), key("theirs"), key("theirs")),
        (201, 201, 403, 403)
    );
    assert_eq!(host.post(TODOS, &json!({ "title": "a" })).status, 403);
    // What is no todo is that, whoever sends it.
    assert_eq!(host.post(TODOS, &json!({})).status, 400);
    assert_eq!(titles(&host.get(TODOS)).len(), 1);
}

#[test]
fn a_list_shows_what_may_be_read() {
    let open = "permit (principal, action, resource);";
    let host = host(open);
    for (title, component) in [
        ("a", "mine"),
        ("b", "theirs"),
        ("c", "mine"),
        ("d", "theirs"),
        ("e", "mine"),
    ] {
        path_of(&create(&host, title, component));
    }
    let some = r#"permit (principal, action == Action::"todo.read", resource)
        when { !(resource has id) || resource.entity == Entity::"component:default/mine" };
        permit (principal, action == Action::"todo.create", resource);"#;
    std::fs::write(host.folder().join("a.cedar"), some).unwrap();
    host.wait_until("the policies are read", |host| {
        host.plugins()["permissions"]["policies"] == 2
    });
    assert_eq!(titles(&host.get(TODOS)), ["e", "c", "a"]);
    let theirs = host.get(&format!("{TODOS}?entityRef=component:default/theirs"));
    assert_eq!(titles(&theirs), [""; 0]);
    // Pages are of what there is, and show of it what may be seen.
    let (mut next, mut seen) = (format!("{TODOS}?limit=2"), Vec::new());
    for _ in 0..3 {
        let page = host.get(&next);
        seen.push(titles(&page).concat());
        match page.header("link") {
            Some(link) => next = link[1..link.find('>').unwrap()].to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["e", "c", "a"]);
}
