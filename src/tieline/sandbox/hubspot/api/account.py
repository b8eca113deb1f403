"""Who this account is, and the OAuth endpoints."""

from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.responses import Response

from tieline.sandbox.hubspot.api.call import Call
from tieline.sandbox.hubspot.tokens import LIFE_SECONDS, Token
from tieline.sandbox.hubspot.wire import CodedError, ObjectJson, json_answer, no_content


def account_details(call: Call) -> Response:
    settings = call.portal.settings
    text, milliseconds = _offset(call)
    return json_answer(
        {
            "portalId": settings.portal_id,
            "accountType": settings.account_type,
            "timeZone": settings.time_zone,
            "companyCurrency": settings.currency,
            "additionalCurrencies": [],
            "utcOffset": text,
            "utcOffsetMilliseconds": milliseconds,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }
    )


def integrations_me(call: Call) -> Response:
    settings = call.portal.settings
    text, milliseconds = _offset(call)
    return json_answer(
        {
            "portalId": settings.portal_id,
            "timeZone": settings.time_zone,
            "accountType": settings.account_type,
            "currency": settings.currency,
            "utcOffset": text,
            "utcOffsetMilliseconds": milliseconds,
        }
    )


def grant_token(call: Call) -> Response:
    """`refresh_token` and `authorization_code`; credentials in the form body only."""
    token, refresh = call.portal.tokens.grant(_form(call), call.portal.now())
    body: ObjectJson = {
        "token_type": "bearer",
        "refresh_token": refresh,
        "access_token": token.text,
        "hub_id": call.portal.settings.portal_id,
        "scopes": list(token.scopes),
        "expires_in": LIFE_SECONDS,
    }
    if call.version != "v1":
        body |= {"token_use": "access_token", "user_id": token.user_id}
    return json_answer(body)


def introspect_token(call: Call) -> Response:
    form = _form(call)
    text = form.get("token", "")
    tokens = call.portal.tokens
    token = tokens.granted.get(text)
    if token is not None:
        return json_answer(
            {"active": not _is_over(call, token), "token_use": "access_token", **_info(call, token)}
        )
    scopes = tokens.refresh.get(text)
    if scopes is not None:
        return json_answer(
            {"active": True, "token_use": "refresh_token", **_refresh_info(call, text, scopes)}
        )
    return json_answer({"active": False})


def revoke_token(call: Call) -> Response:
    text = _form(call).get("token", "")
    call.portal.tokens.granted.pop(text, None)
    call.portal.tokens.refresh.pop(text, None)
    return no_content()


def access_token_info(call: Call) -> Response:
    call.exchange.secret = True
    token = call.portal.tokens.granted.get(call.params["token"])
    if token is None or _is_over(call, token):
        raise CodedError(404, {"status": "error", "message": "invalid access token"})
    return json_answer(_info(call, token))


def refresh_token_info(call: Call) -> Response:
    call.exchange.secret = True
    text = call.params["token"]
    scopes = call.portal.tokens.refresh.get(text)
    if scopes is None:
        raise CodedError(404, {"status": "error", "message": "invalid refresh token"})
    return json_answer(_refresh_info(call, text, scopes))


def _info(call: Call, token: Token) -> ObjectJson:
    left = ((token.expires or 0) - call.portal.now()) // 1000
    return {
        "token": token.text,
        "user": "sandbox@example.com",
        "hub_domain": "sandbox.example.com",
        "scopes": list(token.scopes),
        "hub_id": call.portal.settings.portal_id,
        "app_id": token.app_id,
        "client_id": call.portal.tokens.client_id,
        "expires_in": max(left, 0),
        "user_id": token.user_id,
        "token_type": "access",
        "is_private_distribution": True,
        "signed_access_token": _signed(call, token),
    }


def _signed(call: Call, token: Token) -> ObjectJson:
    """Members that clients insist on; the signatures sign nothing."""
    return {
        "expiresAt": token.expires,
        "scopes": "",
        "hubId": call.portal.settings.portal_id,
        "userId": token.user_id,
        "appId": token.app_id,
        "signature": "",
        "scopeToScopeGroupPks": "",
        "newSignature": "",
        "hublet": "na1",
        "trialScopes": "",
        "trialScopeToScopeGroupPks": "",
        "isUserLevel": False,
        "installingUserId": token.user_id,
        "isServiceAccount": False,
        "isPrivateDistribution": True,
    }


def _refresh_info(call: Call, text: str, scopes: tuple[str, ...]) -> ObjectJson:
    bearer = Token("", scopes)
    return {
        "token": text,
        "user": "sandbox@example.com",
        "hub_domain": "sandbox.example.com",
        "scopes": list(scopes),
        "hub_id": call.portal.settings.portal_id,
        "app_id": bearer.app_id,
        "client_id": call.portal.tokens.client_id,
        "user_id": bearer.user_id,
        "token_type": "refresh",
    }


def _is_over(call: Call, token: Token) -> bool:
    return token.expires is not None and token.expires <= call.portal.now()


def _form(call: Call) -> dict[str, str]:
    call.exchange.secret = True
    return dict(parse_qsl(call.exchange.body.decode("utf-8", "replace"), keep_blank_values=True))


def _offset(call: Call) -> tuple[str, int]:
    """The account's offset from UTC now, as `-05:00` and in milliseconds."""
    moment = call.portal.clock.now().astimezone(ZoneInfo(call.portal.settings.time_zone))
    offset = moment.utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}", seconds * 1000
