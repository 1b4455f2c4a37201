//! `steelyard admin`: users, organisations and tokens.

use anyhow::Result;
use serde_json::{Value, json};
use steelyard_service::Hub;
use steelyard_service::accounts::{AccountKind, AccountRow, CreateOrg, CreateToken, CreateUser};

use crate::cli::{AdminArgs, AdminCommand, OrgCommand, SettingFlags, TokenCommand, UserCommand};
use crate::open;

/// What a command has to say, for people and for programs.
struct Said {
    text: String,
    json: Value,
}

/// Runs one of the `admin` subcommands.
pub fn run(flags: &SettingFlags, args: &AdminArgs) -> Result<()> {
    let config = super::load(flags)?.config;
    let said = super::runtime()?.block_on(async {
        let hub = open::open_hub(&config).await?;
        let said = act(&hub, &args.command).await;
        hub.db().close().await;
        said
    })?;
    let text = if args.json { format!("{:#}\n", said.json) } else { said.text };
    Ok(super::print(&text)?)
}

async fn act(hub: &Hub, command: &AdminCommand) -> Result<Said> {
    match command {
        AdminCommand::User(command) => user(hub, command).await,
        AdminCommand::Org(command) => org(hub, command).await,
        AdminCommand::Token(command) => token(hub, command).await,
    }
}

async fn user(hub: &Hub, command: &UserCommand) -> Result<Said> {
    match command {
        UserCommand::Create { name, full_name, email, admin } => {
            let wanted = CreateUser {
                name: name.to_string(),
                full_name: full_name.clone(),
                email: email.clone(),
                is_admin: *admin,
            };
            let row = hub.create_user(&wanted).await?;
            let code = hub.operator_reset_code(&row.name).await?;
            let name = &row.name;
            let text = format!(
                "created user {name}\na password: on the page /reset with the code {}, within a day\n\
                 a token: steelyard admin token create {name} --name laptop --role write\n",
                code.expose()
            );
            let mut json = account(&row);
            json["resetCode"] = json!(code.expose());
            Ok(Said { text, json })
        }
        UserCommand::Reset { name } => {
            let code = hub.operator_reset_code(name.as_str()).await?;
            let text = format!("{}\n", code.expose());
            Ok(Said { text, json: json!({"name": name.as_str(), "resetCode": code.expose()}) })
        }
        UserCommand::List => list(hub, AccountKind::User).await,
    }
}

async fn org(hub: &Hub, command: &OrgCommand) -> Result<Said> {
    match command {
        OrgCommand::Create { name, full_name, default_visibility } => {
            let wanted = CreateOrg {
                name: name.to_string(),
                full_name: full_name.clone(),
                default_visibility: *default_visibility,
            };
            let row = hub.create_org(&wanted).await?;
            Ok(Said { text: format!("created organization {}\n", row.name), json: account(&row) })
        }
        OrgCommand::AddMember { org, user, role } => {
            hub.set_member(org.as_str(), user.as_str(), *role).await?;
            let text = format!("{user} has the role {} in {org}\n", role.as_str());
            let json = json!({"org": org.as_str(), "user": user.as_str(), "role": role.as_str()});
            Ok(Said { text, json })
        }
        OrgCommand::List => list(hub, AccountKind::Org).await,
    }
}

async fn token(hub: &Hub, command: &TokenCommand) -> Result<Said> {
    match command {
        TokenCommand::Create { user, name, role, value } => {
            let wanted = CreateToken {
                user: user.to_string(),
                name: name.clone(),
                role: *role,
                value: value.clone(),
            };
            let token = hub.create_token(&wanted).await?;
            let json = json!({"user": user.as_str(), "name": name, "role": role.as_str(), "token": token.expose()});
            Ok(Said { text: format!("{}\n", token.expose()), json })
        }
        TokenCommand::Revoke { user, name } => {
            hub.revoke_token(user.as_str(), name).await?;
            let json = json!({"user": user.as_str(), "name": name, "revoked": true});
            Ok(Said { text: format!("revoked the token \"{name}\" of {user}\n"), json })
        }
    }
}

async fn list(hub: &Hub, kind: AccountKind) -> Result<Said> {
    let rows = hub.list_accounts(kind).await?;
    let line = |row: &AccountRow| {
        let admin = if row.is_admin { "  administrator" } else { "" };
        format!("{}  {}{admin}\n", row.name, row.full_name)
    };
    Ok(Said { text: rows.iter().map(line).collect(), json: rows.iter().map(account).collect() })
}

fn account(row: &AccountRow) -> Value {
    json!({
        "id": row.public_id,
        "type": row.kind.as_str(),
        "name": row.name,
        "fullname": row.full_name,
        "email": row.email,
        "isAdmin": row.is_admin,
        "defaultVisibility": row.default_visibility.as_str(),
        "createdAt": row.created_at.to_string(),
    })
}
