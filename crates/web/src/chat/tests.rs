use super::*;

fn given() -> Given {
    let tokens = [("bos_token", "<s>"), ("eos_token", "</s>")];
    let tokens = tokens.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
    Given { tokens, now: Some(Timestamp::from_secs(1_000_000_000)) }
}

fn all(template: &str) -> Vec<Sample> {
    samples(template, &given())
}

fn text(template: &str) -> String {
    all(template)[0].text.clone().unwrap()
}

fn stop(template: &str) -> Stop {
    all(template)[0].text.clone().unwrap_err()
}

#[test]
fn chatml_is_what_transformers_makes_of_it() {
    let template = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    assert_eq!(
        text(template),
        "<|im_start|>system\nYou weigh things.<|im_end|>\n<|im_start|>user\nWhat weighs more?<|im_end|>\n\
         <|im_start|>assistant\nThat depends on the two.<|im_end|>\n\
         <|im_start|>user\nA kilo of iron or of feathers?<|im_end|>\n<|im_start|>assistant\n"
    );
}

#[test]
fn a_template_that_refuses_system_messages_gets_none() {
    let template = "{{ bos_token }}{% for message in messages %}\n{% if message['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}\n{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}{% set role = 'model' if message.role == 'assistant' else message.role %}{{ '<' + role + '>' + message['content'] | trim }}{% endfor %}";
    let found = all(template);
    assert!(found[0].note.contains("refuses a system message"));
    assert_eq!(
        found[0].text.as_deref(),
        Ok(
            "<s><user>What weighs more?<model>That depends on the two.<user>A kilo of iron or of feathers?"
        )
    );
}

#[test]
fn tools_namespaces_macros_dates_and_loop_controls_work() {
    let template = "
{%- macro call(tool, depth=1) %}{{ '#' * depth }}{{ tool.function.name }}{% endmacro %}
{%- set ns = namespace(found=false, last='') %}
{%- if tools %}{{ tools | tojson }}|{% for tool in tools %}{{ call(tool, depth=2) }}{% endfor %}|{% endif %}
{%- for message in messages[::-1] %}{% if message.role == 'assistant' %}{% continue %}{% endif %}{% set ns.last = ns.last ~ message.content[:4] %}{% if ns.found %}{% break %}{% endif %}{% set ns.found = true %}{% endfor %}
{%- generation %}{{ ns.last }}{% endgeneration %} {{ strftime_now('%d %b %Y') }}";
    let found = all(template);
    assert_eq!(found[0].text.as_deref(), Ok("A kiWhat 09 Sep 2001"));
    let with_tool = found[1].text.clone().unwrap();
    let json = r#"[{"type": "function", "function": {"name": "weigh", "description": "Weighs a thing.", "parameters""#;
    assert!(with_tool.starts_with(json), "{with_tool}");
    assert!(with_tool.contains("|##weigh|"), "{with_tool}");
}

#[test]
fn filters_and_methods_are_pythons() {
    for (template, expected) in [
        (
            "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join(' / ') }}",
            "What weighs more? / A kilo of iron or of feathers?",
        ),
        ("{{ messages | length }}{{ messages[-1].role }}{{ nothing is defined }}", "4userFalse"),
        (
            "{{ 'a b'.split(' ')[1] }}{{ ' x '.strip() }}{{ 'abc'.startswith(('a', 'b')) }}",
            "bxTrue",
        ),
        ("{{ {'a': 1, 'b': [true, none]} | tojson }}", "{\"a\": 1, \"b\": [true, null]}"),
        ("{{ {'a': 'é<'} | tojson(indent=2) }}", "{\n  \"a\": \"é<\"\n}"),
        ("{{ {'a': 'it\\'s'} }}{{ [1, 2.0] }}", "{'a': \"it's\"}[1, 2.0]"),
        ("{{ x | default('d') }}{{ '' | default('e', true) }}", "de"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        (
            "{{ 7 // -2 }} {{ -7 // 2 }} {{ -8 // 2 }} {{ 7 % -2 }} {{ -7 % 2 }} {{ 8 % -2 }}",
            "-4 -4 -4 -1 1 0",
        ),
        ("{{ 7.5 // -2 }} {{ -7.5 % 2 }} {{ 2 ** -1 }} {{ 2 ** 3 }}", "-4.0 0.5 0.5 8"),
        ("{{ range(3) | list }}{{ 7 // 2 }}{{ 7 / 2 }}{{ 'a' in 'cat' }}", "[0, 1, 2]33.5True"),
        (
            "{% set x %}a{% endset %}{{ x | upper }}{{ 'x y'.title() }}{{ 'aXb'.replace('X', '-') }}",
            "AX Ya-b",
        ),
        ("{{ 'yes' if messages is iterable and messages is not string else 'no' }}", "yes"),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
}

#[test]
fn nothing_makes_it_spend_more_than_it_has() {
    let twice = "{% set ns = namespace(s='0123456789') %}{% for x in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}";
    let lists = "{% set ns = namespace(l=[1]) %}{% for x in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}";
    let nested = "{% set ns = namespace(l=[1]) %}{% for x in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}";
    let shared = "{% set ns = namespace(l=[1]) %}{% for x in range(20) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}";
    let macros = "{% macro m(s) %}{{ s }}{{ s }}{% endmacro %}{% set ns = namespace(s='0123456789') %}{% for x in range(60) %}{% set ns.s = m(ns.s) %}{% endfor %}";
    let blocks = "{% set ns = namespace(s='0123456789') %}{% for x in range(60) %}{% set s %}{{ ns.s }}{{ ns.s }}{% endset %}{% set ns.s = s %}{% endfor %}";
    let replaced = "{% set ns = namespace(s='aaaaaaaaaa') %}{% for x in range(60) %}{% set ns.s = ns.s.replace('a', 'aaaaaaaaaa') %}{% endfor %}";
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let recursive = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    let raw = format!("{{% for a in range(9999) %}}{}{{% endfor %}}", "x".repeat(10_000));
    let times = "{{ 'x' * 999999999999 }}";
    for template in
        [twice, lists, nested, shared, macros, blocks, replaced, endless, recursive, &raw, times]
    {
        assert!(matches!(stop(template), Stop::Limit(_)), "{template}: {:?}", stop(template));
    }
}

#[test]
fn what_is_wrong_is_told() {
    assert_eq!(stop("{{ raise_exception('no') }}"), Stop::Raised("no".to_owned()));
    for template in [
        "{% for x in %}",
        "{% include 'x' %}",
        "{{ messages.nope() }}",
        "{{ 1 // 0 }}",
        "{{ 1 % 0.0 }}",
        "{{ 2 ** 70 }}",
        "{{ strftime_now('%Q') }}",
        "{% set ns = namespace() %}{% set ns.x = ns %}",
    ] {
        assert!(matches!(stop(template), Stop::Wrong(_)), "{template}: {:?}", stop(template));
    }
    for template in ["{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1.5 % 0 }}"] {
        assert!(format!("{:?}", stop(template)).contains("division by zero"), "{template}");
    }
    let deep = format!("{}1{}", "{{ ".to_owned() + &"(".repeat(5000), ")".repeat(5000) + " }}");
    assert!(all(&deep)[0].text.is_err());
}
