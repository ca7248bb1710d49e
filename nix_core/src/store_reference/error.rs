//! Why a text is not a store reference.

/// Why a text is not a store reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreReferenceError {
    /// The text is neither a URL nor a path nor one of the short forms.
    #[error("a store is `auto`, `daemon`, `local`, a path or a URL")]
    Form,
    /// The scheme has a character that is not allowed.
    #[error("the scheme of the store's URL is malformed")]
    Scheme,
    /// The path is relative, and no folder was given that it is relative to.
    #[error("the path of the store is relative")]
    RelativePath,
    /// The path has a character that a URL quotes, or one that no file's name has.
    #[error("the path of the store's URL has a character that is not allowed")]
    PathSymbol,
    /// The host is neither a name nor an address.
    #[error("the host of the store's URL is malformed")]
    Host,
    /// The user or the password has a character that a URL quotes.
    #[error("the user of the store's URL is malformed")]
    User,
    /// The port is not a number from 1 to 65535.
    #[error("the port of the store's URL is not a number from 1 to 65535")]
    Port,
    /// A URL of a file names a host.
    #[error("the URL of a file has a host")]
    FileHost,
    /// A parameter has a character that a URL quotes.
    #[error("a parameter of the store has a character that is not allowed")]
    ParamSymbol,
    /// A `%` is not followed by two digits of base 16, or what it quotes is not UTF-8.
    #[error("a `%` in the store's URL quotes no character")]
    Percent,
    /// The text has a fragment, which means nothing for a store.
    #[error("the store's URL has a fragment")]
    Fragment,
}
