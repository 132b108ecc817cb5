//! Flat tools, and the choice among them, in both directions.

use serde_json::{Value, json};

use super::word;
use crate::message::{Names, Namespaced, Request, Tool, ToolChoice, Unsupported};

/// The name of a namespaced tool where there are no namespaces.
pub(super) fn flat(namespace: &str, name: &str) -> String {
    let between = if namespace.ends_with("__") { "" } else { "__" };
    format!("{namespace}{between}{name}")
}

/// Reads a list of tools and adds them.
pub(super) fn read(request: &mut Request, tools: &Value) {
    for (index, tool) in tools.as_array().into_iter().flatten().enumerate() {
        let kind = word(tool, "type").unwrap_or("function");
        match (kind, word(tool, "name")) {
            ("namespace", Some(namespace)) => namespaced(request, namespace, tool),
            // Agents offer these to every model, without need.
            ("tool_search" | "web_search", _) => request.dropped.push(format!("tools.{kind}")),
            (kind, _) if kind.starts_with("web_search") => request.dropped.push(format!("tools.{kind}")),
            ("function", Some(name)) => request.tools.push(read_tool(name.to_owned(), tool, false)),
            ("custom", Some(name)) => request.tools.push(read_tool(name.to_owned(), tool, true)),
            _ => request.unsupported.push(Unsupported::new(
                format!("tools[{index}]"),
                format!("a `{kind}` tool exists only at providers that speak the Responses dialect"),
            )),
        }
    }
}

fn namespaced(request: &mut Request, namespace: &str, tools: &Value) {
    for tool in tools.get("tools").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = word(tool, "name") else { continue };
        let flat = flat(namespace, name);
        request.tools.push(read_tool(flat.clone(), tool, word(tool, "type") == Some("custom")));
        request.namespaces.push(Namespaced { flat, namespace: namespace.to_owned(), name: name.to_owned() });
    }
}

fn read_tool(name: String, tool: &Value, custom: bool) -> Tool {
    Tool {
        name,
        description: word(tool, "description").map(str::to_owned),
        parameters: tool.get("parameters").filter(|schema| schema.is_object()).cloned(),
        strict: tool.get("strict").and_then(Value::as_bool),
        custom: custom.then(|| tool.get("format").cloned().unwrap_or_default()),
        cache: None,
    }
}

/// Reads `tool_choice`.
pub(super) fn read_choice(request: &mut Request, choice: &Value) {
    let named = |choice: &Value| {
        let name = word(choice, "name")?;
        Some(word(choice, "namespace").map_or_else(|| name.to_owned(), |space| flat(space, name)))
    };
    let read = match (choice.as_str(), word(choice, "type")) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("none"), _) => ToolChoice::None,
        (Some("required"), _) => ToolChoice::Required,
        (Some(_), _) => return request.dropped.push("tool_choice".into()),
        (_, Some("allowed_tools")) => ToolChoice::Allowed {
            names: choice.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(named).collect(),
            required: word(choice, "mode") == Some("required"),
        },
        _ => match named(choice) {
            Some(name) => ToolChoice::Named(name),
            None => {
                let why = "the tool that it names exists only at providers that speak the Responses dialect";
                return request.unsupported.push(Unsupported::new("tool_choice", why));
            }
        },
    };
    request.tool_choice = Some(read);
}

/// A tool. `strict` is said always: its default here is true, elsewhere false.
pub(super) fn write(tool: &Tool, name: &str) -> Value {
    let mut written = match &tool.custom {
        Some(_) => json!({"type": "custom", "name": name}),
        None => json!({"type": "function", "name": name}),
    };
    let Some(object) = written.as_object_mut() else { return written };
    if let Some(description) = &tool.description {
        object.insert("description".into(), description.as_str().into());
    }
    match &tool.custom {
        Some(Value::Null) => {}
        Some(format) => _ = object.insert("format".into(), format.clone()),
        None => {
            let none = || json!({"type": "object", "properties": {}});
            object.insert("parameters".into(), tool.parameters.clone().unwrap_or_else(none));
            object.insert("strict".into(), tool.strict.unwrap_or(false).into());
        }
    }
    written
}

/// The choice. Tools are named with their type.
pub(super) fn write_choice(choice: &ToolChoice, tools: &[Tool], names: &Names) -> Value {
    let named = |name: &str| {
        let custom = tools.iter().any(|tool| tool.name == name && tool.custom.is_some());
        json!({"type": if custom { "custom" } else { "function" }, "name": names.up(name)})
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => named(name),
        ToolChoice::Allowed { names: allowed, required } => json!({
            "type": "allowed_tools",
            "mode": if *required { "required" } else { "auto" },
            "tools": allowed.iter().map(|name| named(name)).collect::<Vec<_>>(),
        }),
    }
}
