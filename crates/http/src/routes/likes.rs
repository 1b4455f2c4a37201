//! Likes, and how repositories are used.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use steelyard_core::{Namespace, RepoKind};
use steelyard_service::{Action, Error, Hub, Missing};

use crate::extract::{Caller, Origin, Params, Target};
use crate::openapi::{CURSOR, LIMIT, Parameter};
use crate::wire::likes::{LikeResponse, LikedRepoResponse, LikerResponse, UsageResponse};
use crate::{Access, ApiError, Route, link};

const PAGED: &[Parameter] = &[LIMIT, CURSOR];

pub(super) fn add(table: &mut Vec<Route>) {
    for kind in RepoKind::ALL {
        let base = format!("/api/{}/{{ns}}/{{name}}", kind.plural());
        let (read, like) = (Access::Repo(Action::ReadRepo), Access::Repo(Action::LikeRepo));
        let path = format!("{base}/like");
        let route =
            Route::new(&["POST"], path.clone(), like, "Likes a repository", post(like_repo));
        table.push(route.gives::<LikeResponse>());
        let summary = "Takes a like back";
        let route =
            Route::new(&["DELETE"], path, like, summary, axum::routing::delete(unlike_repo));
        table.push(route.gives::<LikeResponse>());
        let (path, summary) = (format!("{base}/likers"), "Lists who likes a repository");
        let route = Route::new(&["GET"], path, read, summary, get(likers)).query(PAGED);
        table.push(route.gives::<Vec<LikerResponse>>());
        let (path, summary) =
            (format!("{base}/usage"), "Tells how often a repository is used and why it trends");
        table.push(Route::new(&["GET"], path, read, summary, get(usage)).gives::<UsageResponse>());
    }
    let (path, summary) =
        ("/api/users/{ns}/likes", "Lists what a user likes, as far as the caller may see it");
    let route = Route::new(&["GET"], path, Access::Anyone, summary, get(likes_of)).query(PAGED);
    table.push(route.gives::<Vec<LikedRepoResponse>>().fails(&[404]));
}

async fn like_repo(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<LikeResponse>, ApiError> {
    Ok(Json(hub.like(&actor, target.kind, &target.id).await?.into()))
}

async fn unlike_repo(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<LikeResponse>, ApiError> {
    Ok(Json(hub.unlike(&actor, target.kind, &target.id).await?.into()))
}

async fn likers(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    target: Target,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<LikerResponse>>), ApiError> {
    let (limit, cursor) = (limit_of(&params)?, link::cursor(&params)?);
    let page = hub.list_likers(&actor, target.kind, &target.id, limit, cursor.as_ref()).await?;
    let path = format!("/api/{}/{}/likers", target.kind.plural(), target.id);
    let headers = link::next_page(&origin, &path, &params, page.next.as_ref());
    Ok((headers, Json(page.items.into_iter().map(LikerResponse::from).collect())))
}

async fn likes_of(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    Origin(origin): Origin,
    Path(user): Path<String>,
    params: Params,
) -> Result<(HeaderMap, Json<Vec<LikedRepoResponse>>), ApiError> {
    // A name that breaks the rules is nobody's.
    let user = Namespace::parse(&user).map_err(|_| Error::NotFound(Missing::Other("user")))?;
    let (limit, cursor) = (limit_of(&params)?, link::cursor(&params)?);
    let page = hub.list_likes(&actor, &user, limit, cursor.as_ref()).await?;
    let path = format!("/api/users/{user}/likes");
    let headers = link::next_page(&origin, &path, &params, page.next.as_ref());
    Ok((headers, Json(page.items.into_iter().map(LikedRepoResponse::from).collect())))
}

fn limit_of(params: &Params) -> Result<Option<usize>, Error> {
    let parse = |text: &str| text.parse().map_err(|_| Error::invalid("limit", "must be a number"));
    params.get("limit").map(parse).transpose()
}

async fn usage(
    State(hub): State<Hub>,
    Caller(actor): Caller,
    target: Target,
) -> Result<Json<UsageResponse>, ApiError> {
    Ok(Json(hub.usage(&actor, target.kind, &target.id).await?.into()))
}
