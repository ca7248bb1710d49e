//! A store from the lines that `dump` printed.

use std::{
    io::{BufRead, Read},
    path::{Path, PathBuf},
};

use netabase_store::{
    DefinitionSchema, FORMAT_VERSION, ModelSchema, NetabaseValue, RawLoader, RawRecord, RawStore,
    Shape, StoreError, Types, ValueError, ValueReader,
    backends::{Backend, OpenBackend},
};

use super::{
    parse::Json,
    typed::{Reading, misfit, under},
};
use crate::{
    error::{Error, Result},
    import::input::Input,
};

/// The longest line: the largest record, each of its bytes as two digits, and twice that.
const LINE_BYTES_MAX: u64 = 4 << 30;

/// Writes a new store to `path` and returns how many records it has.
pub(super) fn load<B: OpenBackend>(path: &Path, input: &Path) -> Result<u64> {
    let opened = Input::open(input)?;
    let bar = opened.bar.clone();
    let mut lines = Lines {
        text: opened.text,
        input: input.to_owned(),
        line: 0,
    };
    let done = read_header(&mut lines).and_then(|schema| {
        let mut records = 0;
        RawStore::<B>::create(path, &schema, |loader| {
            while let Some(line) = lines.next()? {
                add(&schema, loader, &line).map_err(|error| lines.failed(error))?;
                records += 1;
            }
            Ok::<_, Error>(())
        })?;
        Ok(records)
    });
    bar.finish_and_clear();
    done
}

fn read_header(lines: &mut Lines) -> Result<DefinitionSchema> {
    match lines.next()? {
        Some(line) => header(&line).map_err(|error| lines.failed(error)),
        None => Err(lines.failed(Error::NoHeader)),
    }
}

fn header(line: &[u8]) -> Result<DefinitionSchema> {
    let mut members = Members::of(Json::parse(line)?)?;
    let found = match members.take("netabase")? {
        Json::Unsigned(format) => u32::try_from(format).unwrap_or(u32::MAX),
        other => return Err(misfit(format!("{} as the format", other.kind()))),
    };
    if found > FORMAT_VERSION {
        let supported = FORMAT_VERSION;
        return Err(Error::Store(
            StoreError::NewerFormat { found, supported }.into(),
        ));
    }
    let mut types = Types::default();
    let shape = DefinitionSchema::value_shape(&mut types);
    let types = types.into_named();
    let schema = Reading::new(&types).value(&shape, members.take("schema")?);
    let schema = schema.map_err(|error| under(error, "schema"))?;
    members.finish()?;
    let mut bytes = Vec::new();
    let decoded = schema
        .encode(&shape, &types, &mut bytes)
        .and_then(|()| decoded(&bytes));
    decoded
        .map_err(|error| misfit(error.to_string()))
        .map_err(|error| under(error, "schema"))
}

fn decoded(bytes: &[u8]) -> Result<DefinitionSchema, ValueError> {
    DefinitionSchema::decode_value(&mut ValueReader::new(bytes))
}

/// Adds the record of a line.
fn add<B: Backend>(
    schema: &DefinitionSchema,
    loader: &mut RawLoader<'_, B>,
    line: &[u8],
) -> Result<()> {
    let mut members = Members::of(Json::parse(line)?)?;
    let name = match members.take("model")? {
        Json::Text(name) => name,
        other => {
            return Err(under(
                misfit(format!("{} as a name", other.kind())),
                "model",
            ));
        }
    };
    let Some(model) = schema
        .models
        .iter()
        .find(|model| model.discriminant == name)
    else {
        return Err(misfit(format!(
            "a model `{name}`, which the schema does not have"
        )));
    };
    let reading = Reading::new(&schema.types);
    let key = reading.value(&model.primary_shape, members.take("key")?);
    let key = key.map_err(|error| under(error, "key"))?;
    let fields = reading.named(&model.fields, members.take("record")?);
    let fields = fields.map_err(|error| under(error, "record"))?;
    let computed = match members.find("computed") {
        Some(json) => computed(reading, model, json).map_err(|error| under(error, "computed"))?,
        None => Vec::new(),
    };
    members.finish()?;
    Ok(loader.add(
        &name,
        &RawRecord {
            key,
            fields,
            computed,
        },
    )?)
}

type Computed<'s> = Vec<(&'s str, Vec<netabase_store::Value<'s>>)>;

fn computed<'s>(reading: Reading<'s>, model: &'s ModelSchema, json: Json) -> Result<Computed<'s>> {
    let mut members = Members::of(json)?;
    let mut computed = Vec::new();
    for index in model.indexes.iter().filter(|index| index.computed) {
        let Some(json) = members.find(&index.name) else {
            continue;
        };
        let Json::Array(items) = json else {
            return Err(misfit(format!(
                "{} where an array is expected",
                json.kind()
            )));
        };
        let shape: &Shape = &index.shape;
        let values = items.into_iter().map(|json| reading.value(shape, json));
        let values = values.collect::<Result<_>>();
        let values = values.map_err(|error| under(error, &format!(".{}", index.name)))?;
        computed.push((index.name.as_str(), values));
    }
    members.finish()?;
    Ok(computed)
}

/// The members of an object, until they are taken.
struct Members(Vec<(String, Json)>);

impl Members {
    fn of(json: Json) -> Result<Self> {
        match json {
            Json::Object(members) => Ok(Self(members)),
            other => Err(misfit(format!(
                "{} where an object is expected",
                other.kind()
            ))),
        }
    }

    fn find(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(member, _)| member == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn take(&mut self, name: &str) -> Result<Json> {
        self.find(name)
            .ok_or_else(|| misfit(format!("no member `{name}`")))
    }

    fn finish(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(misfit(format!("the unknown member `{name}`"))),
        }
    }
}

/// The lines of an input.
struct Lines {
    text: Box<dyn BufRead>,
    input: PathBuf,
    line: u64,
}

impl Lines {
    /// Returns the next line that is not blank.
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            self.line += 1;
            let mut line = Vec::new();
            let read = self
                .text
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line);
            match read.map_err(|error| self.failed(Error::ReadLine(error)))? {
                0 => return Ok(None),
                bytes if bytes as u64 == LINE_BYTES_MAX => {
                    return Err(self.failed(Error::LineTooLong {
                        max: LINE_BYTES_MAX,
                    }));
                }
                _ if line.trim_ascii().is_empty() => {}
                _ => return Ok(Some(line)),
            }
        }
    }

    fn failed(&self, source: Error) -> Error {
        Error::Line {
            input: self.input.clone(),
            line: self.line,
            source: Box::new(source),
        }
    }
}
