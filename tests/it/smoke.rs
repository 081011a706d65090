use greenroom_tests::{Setup, todo};

#[test]
fn serves_the_tutorials_requests() {
    let host = Setup::new().plugin("todo", &todo()).start();
    let answer = host.post(
        "/api/todo/todos",
        &serde_json::json!({"title": "My first todo", "entityRef": "component:default/my-service"}),
    );
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(
        host.get("/api/todo/todos").json().as_array().unwrap().len(),
        1
    );
}
