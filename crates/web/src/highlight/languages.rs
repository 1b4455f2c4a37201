//! The languages that get colours, each as a table.

/// How a string begins and ends.
#[derive(Debug)]
pub struct Quote {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    pub(super) has_escapes: bool,
    pub(super) is_multiline: bool,
}

const fn quote(mark: &'static str) -> Quote {
    Quote { open: mark, close: mark, has_escapes: true, is_multiline: false }
}

const fn long(mark: &'static str) -> Quote {
    Quote { open: mark, close: mark, has_escapes: true, is_multiline: true }
}

const fn verbatim(mark: &'static str) -> Quote {
    Quote { open: mark, close: mark, has_escapes: false, is_multiline: true }
}

/// A language.
#[derive(Debug)]
pub struct Language {
    /// What it is called.
    pub name: &'static str,
    /// Its names after a code fence, and the endings of its files.
    names: &'static [&'static str],
    pub(super) line_comments: &'static [&'static str],
    pub(super) block_comment: Option<(&'static str, &'static str)>,
    /// The longest first.
    pub(super) quotes: &'static [Quote],
    /// In alphabetical order, capitals first.
    pub(super) keywords: &'static [&'static str],
    pub(super) literals: &'static [&'static str],
    /// What a line begins with that heads the following ones.
    pub(super) headings: &'static [&'static str],
    /// Words and strings before a colon are keys.
    pub(super) has_keys: bool,
    pub(super) has_decorators: bool,
}

const NONE: Language = Language {
    name: "",
    names: &[],
    line_comments: &[],
    block_comment: None,
    quotes: &[],
    keywords: &[],
    literals: &[],
    headings: &[],
    has_keys: false,
    has_decorators: false,
};

const C_COMMENT: Option<(&str, &str)> = Some(("/*", "*/"));

static LANGUAGES: &[Language] = &[
    Language {
        name: "Python",
        names: &["python", "py", "python3", "pyi", "ipython", "pycon"],
        line_comments: &["#"],
        quotes: &[long("\"\"\""), long("'''"), quote("\""), quote("'")],
        keywords: &[
            "and", "as", "assert", "async", "await", "break", "case", "class", "continue", "def",
            "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
            "in", "is", "lambda", "match", "nonlocal", "not", "or", "pass", "raise", "return",
            "try", "while", "with", "yield",
        ],
        literals: &["True", "False", "None", "self", "cls"],
        has_decorators: true,
        ..NONE
    },
    Language {
        name: "JSON",
        names: &["json", "jsonl", "json5", "jsonc", "ipynb", "webmanifest", "ndjson"],
        quotes: &[quote("\"")],
        literals: &["true", "false", "null"],
        has_keys: true,
        ..NONE
    },
    Language {
        name: "YAML",
        names: &["yaml", "yml", "cff"],
        line_comments: &["#"],
        quotes: &[quote("\""), quote("'")],
        literals: &["true", "false", "null", "yes", "no", "True", "False"],
        headings: &["---"],
        has_keys: true,
        ..NONE
    },
    Language {
        name: "TOML",
        names: &["toml", "ini", "cfg", "conf", "gitconfig", "properties", "env"],
        line_comments: &["#", ";"],
        quotes: &[long("\"\"\""), long("'''"), quote("\""), quote("'")],
        literals: &["true", "false"],
        headings: &["["],
        has_keys: true,
        ..NONE
    },
    Language {
        name: "Shell",
        names: &["bash", "sh", "shell", "zsh", "console", "fish", "dockerfile", "makefile", "mk"],
        line_comments: &["#"],
        quotes: &[long("\""), verbatim("'")],
        keywords: &[
            "ADD",
            "ARG",
            "CMD",
            "COPY",
            "ENTRYPOINT",
            "ENV",
            "EXPOSE",
            "FROM",
            "RUN",
            "USER",
            "VOLUME",
            "WORKDIR",
            "case",
            "do",
            "done",
            "elif",
            "else",
            "esac",
            "export",
            "fi",
            "for",
            "function",
            "if",
            "in",
            "local",
            "return",
            "select",
            "set",
            "then",
            "until",
            "while",
        ],
        literals: &["true", "false"],
        ..NONE
    },
    Language {
        name: "Rust",
        names: &["rust", "rs"],
        line_comments: &["//"],
        block_comment: C_COMMENT,
        quotes: &[long("\"")],
        keywords: &[
            "Self", "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else",
            "enum", "extern", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod",
            "move", "mut", "pub", "ref", "return", "self", "static", "struct", "super", "trait",
            "type", "unsafe", "use", "where", "while",
        ],
        literals: &["true", "false", "None", "Some", "Ok", "Err"],
        ..NONE
    },
    Language {
        name: "JavaScript",
        names: &["javascript", "js", "mjs", "cjs", "jsx", "typescript", "ts", "tsx", "svelte"],
        line_comments: &["//"],
        block_comment: C_COMMENT,
        quotes: &[long("`"), quote("\""), quote("'")],
        keywords: &[
            "async",
            "await",
            "break",
            "case",
            "catch",
            "class",
            "const",
            "continue",
            "default",
            "delete",
            "do",
            "else",
            "enum",
            "export",
            "extends",
            "finally",
            "for",
            "from",
            "function",
            "if",
            "implements",
            "import",
            "in",
            "instanceof",
            "interface",
            "let",
            "new",
            "of",
            "private",
            "public",
            "readonly",
            "return",
            "static",
            "super",
            "switch",
            "this",
            "throw",
            "try",
            "type",
            "typeof",
            "var",
            "void",
            "while",
            "yield",
        ],
        literals: &["true", "false", "null", "undefined"],
        has_decorators: true,
        ..NONE
    },
    Language {
        name: "C",
        names: &[
            "c", "h", "cpp", "hpp", "cc", "cxx", "cu", "cuh", "c++", "java", "go", "kt", "swift",
            "cs", "metal",
        ],
        line_comments: &["//"],
        block_comment: C_COMMENT,
        quotes: &[quote("\""), quote("'"), long("`")],
        keywords: &[
            "auto",
            "bool",
            "break",
            "case",
            "catch",
            "char",
            "class",
            "const",
            "constexpr",
            "continue",
            "default",
            "defer",
            "delete",
            "do",
            "double",
            "else",
            "enum",
            "explicit",
            "extends",
            "extern",
            "final",
            "float",
            "for",
            "func",
            "go",
            "goto",
            "if",
            "import",
            "inline",
            "int",
            "interface",
            "let",
            "long",
            "namespace",
            "new",
            "operator",
            "package",
            "private",
            "protected",
            "public",
            "range",
            "return",
            "short",
            "signed",
            "sizeof",
            "static",
            "struct",
            "switch",
            "template",
            "this",
            "throw",
            "try",
            "type",
            "typedef",
            "typename",
            "union",
            "unsigned",
            "using",
            "var",
            "virtual",
            "void",
            "volatile",
            "while",
        ],
        literals: &["true", "false", "null", "nullptr", "NULL", "nil"],
        headings: &[
            "#include", "#define", "#if", "#endif", "#else", "#pragma", "#ifdef", "#ifndef",
        ],
        has_decorators: true,
        ..NONE
    },
    Language {
        name: "SQL",
        names: &["sql"],
        line_comments: &["--"],
        block_comment: C_COMMENT,
        quotes: &[verbatim("'"), verbatim("\"")],
        keywords: &[
            "AND", "AS", "BY", "CREATE", "DELETE", "DESC", "FROM", "GROUP", "HAVING", "IN",
            "INSERT", "INTO", "IS", "JOIN", "LEFT", "LIKE", "LIMIT", "NOT", "ON", "OR", "ORDER",
            "SELECT", "SET", "TABLE", "UNION", "UPDATE", "USING", "VALUES", "WHERE", "WITH", "and",
            "as", "by", "create", "delete", "desc", "from", "group", "having", "in", "insert",
            "into", "is", "join", "left", "like", "limit", "not", "on", "or", "order", "select",
            "set", "table", "union", "update", "using", "values", "where", "with",
        ],
        literals: &["NULL", "TRUE", "FALSE", "null", "true", "false"],
        ..NONE
    },
    Language {
        name: "Markdown",
        names: &["markdown", "md", "mdx", "rst"],
        block_comment: Some(("<!--", "-->")),
        quotes: &[verbatim("```"), quote("`")],
        headings: &["# ", "## ", "### ", "#### ", "##### ", "> "],
        ..NONE
    },
    Language {
        name: "HTML",
        names: &["html", "htm", "xml", "svg", "vue", "xhtml"],
        block_comment: Some(("<!--", "-->")),
        quotes: &[verbatim("\"")],
        ..NONE
    },
    Language {
        name: "CSS",
        names: &["css", "scss", "less"],
        block_comment: C_COMMENT,
        quotes: &[quote("\""), quote("'")],
        has_keys: true,
        has_decorators: true,
        ..NONE
    },
    Language {
        name: "Jinja",
        names: &["jinja", "jinja2", "j2"],
        block_comment: Some(("{#", "#}")),
        quotes: &[quote("\""), quote("'")],
        keywords: &[
            "and", "block", "elif", "else", "endblock", "endfor", "endif", "endmacro", "endset",
            "for", "if", "in", "is", "macro", "not", "or", "set",
        ],
        literals: &["true", "false", "none", "True", "False", "None"],
        ..NONE
    },
];

/// The language of that name, as it stands after a code fence.
pub fn language(name: &str) -> Option<&'static Language> {
    let name = name.trim().to_ascii_lowercase();
    LANGUAGES.iter().find(|language| language.names.contains(&name.as_str()))
}

/// The language of a file, by its name.
pub fn language_of_file(path: &str) -> Option<&'static Language> {
    let name = path.rsplit('/').next().unwrap_or(path);
    language(name.rsplit_once('.').map_or(name, |(_, ending)| ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_can_be_looked_up() {
        for language in LANGUAGES {
            assert!(language.keywords.is_sorted(), "{}", language.name);
        }
        assert_eq!(language_of_file("a/b.PY").unwrap().name, "Python");
        assert_eq!(language_of_file("Dockerfile").unwrap().name, "Shell");
        assert!(language_of_file("weights.bin").is_none());
    }
}
