pub mod blog {
    #[derive(NetabaseModel, Clone, Debug)]
    #[netabase(Blog)]
    pub struct User {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub email: String,
    }
    #[cfg(feature = "posts")]
    #[derive(NetabaseModel, Clone)]
    #[netabase(Blog)]
    pub struct Post {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub title: String,
    }
    #[doc = "A record of any model of `blog`."]
    #[derive(::core::clone::Clone)]
    #[allow(clippy::large_enum_variant, private_interfaces)]
    pub enum Blog {
        #[doc = "A record of `User`."]
        User(User),
        #[cfg(feature = "posts")]
        #[doc = "A record of `Post`."]
        Post(Post),
    }
    #[doc = "A key of any model of `blog`."]
    #[derive(
        ::core::clone::Clone,
        ::core::fmt::Debug,
        ::core::cmp::PartialEq,
        ::core::cmp::Eq,
        ::core::cmp::PartialOrd,
        ::core::cmp::Ord,
        ::core::hash::Hash,
    )]
    #[allow(clippy::large_enum_variant, private_interfaces)]
    pub enum BlogKeys {
        #[doc = "A key of `User`."]
        User(<User as ::netabase_store::__private::NetabaseModelTrait<Blog>>::Keys),
        #[cfg(feature = "posts")]
        #[doc = "A key of `Post`."]
        Post(<Post as ::netabase_store::__private::NetabaseModelTrait<Blog>>::Keys),
    }
    #[doc(inline)]
    #[allow(unused_imports)]
    pub use self::UserEmailSecondaryKey as EmailSecondaryKey;
    #[cfg(feature = "posts")]
    #[doc(inline)]
    #[allow(unused_imports)]
    pub use self::PostTitleSecondaryKey as TitleSecondaryKey;
    const _: () = {
        #[automatically_derived]
        impl ::netabase_store::__private::NetabaseDefinitionTrait for Blog {
            type Keys = BlogKeys;
            const NAME: &'static ::core::primitive::str = "Blog";
            const DISCRIMINANTS: &'static [&'static ::core::primitive::str] = &[
                <User as ::netabase_store::__private::NetabaseModelTrait<Blog>>::DISCRIMINANT,
                #[cfg(feature = "posts")]
                <Post as ::netabase_store::__private::NetabaseModelTrait<Blog>>::DISCRIMINANT,
            ];
            fn discriminant(&self) -> &'static ::core::primitive::str {
                match *self {
                    Self::User(_) => <User as ::netabase_store::__private::NetabaseModelTrait<Blog>>::DISCRIMINANT,
                    #[cfg(feature = "posts")]
                    Self::Post(_) => <Post as ::netabase_store::__private::NetabaseModelTrait<Blog>>::DISCRIMINANT,
                }
            }
            fn primary_key(&self) -> Self::Keys {
                match *self {
                    Self::User(ref __nb_record) => BlogKeys::User(::core::convert::From::from(
                        <User as ::netabase_store::__private::NetabaseModelTrait<Blog>>::primary_key(__nb_record),
                    )),
                    #[cfg(feature = "posts")]
                    Self::Post(ref __nb_record) => BlogKeys::Post(::core::convert::From::from(
                        <Post as ::netabase_store::__private::NetabaseModelTrait<Blog>>::primary_key(__nb_record),
                    )),
                }
            }
            #[allow(unused_mut)]
            fn schema() -> ::netabase_store::__private::DefinitionSchema {
                let mut __nb_types = <::netabase_store::__private::Types as ::core::default::Default>::default();
                let __nb_models = ::std::vec::Vec::from([
                    <User as ::netabase_store::__private::NetabaseModelTrait<Blog>>::schema(&mut __nb_types),
                    #[cfg(feature = "posts")]
                    <Post as ::netabase_store::__private::NetabaseModelTrait<Blog>>::schema(&mut __nb_types),
                ]);
                ::netabase_store::__private::DefinitionSchema {
                    name: ::std::string::String::from("Blog"),
                    models: __nb_models,
                    types: ::netabase_store::__private::Types::into_named(__nb_types),
                }
            }
            #[allow(unused_variables)]
            fn __visit_models<__NbVisitor: ::netabase_store::__private::ModelVisitor<Self>>(
                __nb_visitor: &mut __NbVisitor,
            ) -> ::netabase_store::__private::Result<()> {
                <__NbVisitor as ::netabase_store::__private::ModelVisitor<Self>>::visit::<User>(__nb_visitor)?;
                #[cfg(feature = "posts")]
                <__NbVisitor as ::netabase_store::__private::ModelVisitor<Self>>::visit::<Post>(__nb_visitor)?;
                ::core::result::Result::Ok(())
            }
        }
        #[automatically_derived]
        impl ::netabase_store::__private::DefinedIn<Blog> for User {
            fn __into_definition(self) -> Blog {
                Blog::User(self)
            }
        }
        #[cfg(feature = "posts")]
        #[automatically_derived]
        impl ::netabase_store::__private::DefinedIn<Blog> for Post {
            fn __into_definition(self) -> Blog {
                Blog::Post(self)
            }
        }
        #[automatically_derived]
        impl ::core::convert::From<User> for Blog {
            fn from(__nb_record: User) -> Self {
                Self::User(__nb_record)
            }
        }
        #[automatically_derived]
        impl ::core::convert::TryFrom<Blog> for User {
            type Error = Blog;
            #[allow(unreachable_patterns)]
            fn try_from(__nb_record: Blog) -> ::core::result::Result<Self, Self::Error> {
                match __nb_record {
                    Blog::User(__nb_record) => ::core::result::Result::Ok(__nb_record),
                    __nb_other => ::core::result::Result::Err(__nb_other),
                }
            }
        }
        #[automatically_derived]
        impl ::core::convert::From<UserKey> for BlogKeys {
            fn from(__nb_key: UserKey) -> Self {
                Self::User(__nb_key)
            }
        }
        #[cfg(feature = "posts")]
        #[automatically_derived]
        impl ::core::convert::From<Post> for Blog {
            fn from(__nb_record: Post) -> Self {
                Self::Post(__nb_record)
            }
        }
        #[cfg(feature = "posts")]
        #[automatically_derived]
        impl ::core::convert::TryFrom<Blog> for Post {
            type Error = Blog;
            #[allow(unreachable_patterns)]
            fn try_from(__nb_record: Blog) -> ::core::result::Result<Self, Self::Error> {
                match __nb_record {
                    Blog::Post(__nb_record) => ::core::result::Result::Ok(__nb_record),
                    __nb_other => ::core::result::Result::Err(__nb_other),
                }
            }
        }
        #[cfg(feature = "posts")]
        #[automatically_derived]
        impl ::core::convert::From<PostKey> for BlogKeys {
            fn from(__nb_key: PostKey) -> Self {
                Self::Post(__nb_key)
            }
        }
    };
}
