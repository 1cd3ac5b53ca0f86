//! [`Association`]: one association of a scanner with whoever listens.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use dicom_ul::association::client::{AsyncClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use tokio::net::TcpStream;

use crate::department::{Scanner, Step};
use crate::encode::{self, EXPLICIT_LITTLE, PERFORMED_STEP, Request, VERIFICATION};

/// Whoever says nothing for so long is taken for gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a message was answered (PS3.7 annex C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// 0000H.
    pub const SUCCESS: Self = Self(0x0000);
    /// 0110H: among others, the step has ended already.
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    /// 0111H: there is such a step already.
    pub const DUPLICATE: Self = Self(0x0111);
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04X}H", self.0)
    }
}

/// An open association.
#[derive(Debug)]
pub struct Association {
    inner: AsyncClientAssociation<TcpStream>,
    last_message: u16,
}

impl Association {
    /// Connects and agrees on what will be said.
    pub async fn open(address: SocketAddr, calling: &str, called: &str) -> anyhow::Result<Self> {
        let options = ClientAssociationOptions::new()
            .calling_ae_title(calling)
            .called_ae_title(called)
            .with_presentation_context(VERIFICATION, vec![EXPLICIT_LITTLE])
            .with_presentation_context(PERFORMED_STEP, vec![EXPLICIT_LITTLE])
            .read_timeout(PATIENCE)
            .write_timeout(PATIENCE);
        let inner = options.establish_async(address).await.with_context(|| format!("no association with {address}"))?;
        Ok(Self { inner, last_message: 0 })
    }

    /// C-ECHO.
    pub async fn echo(&mut self) -> anyhow::Result<Status> {
        self.ask(VERIFICATION, Request::Echo, None).await
    }

    /// N-CREATE: the step begins.
    pub async fn create(&mut self, scanner: Scanner, step: &Step) -> anyhow::Result<Status> {
        self.ask(PERFORMED_STEP, Request::Create(&step.uid), Some(encode::beginning(scanner, step))).await
    }

    /// N-SET: the step ends.
    pub async fn set(&mut self, step: &Step) -> anyhow::Result<Status> {
        self.ask(PERFORMED_STEP, Request::Set(&step.uid), Some(encode::end(step))).await
    }

    /// Takes leave.
    pub async fn release(self) -> anyhow::Result<()> {
        self.inner.release().await.context("the association cannot be released")
    }

    async fn ask(&mut self, class: &str, request: Request<'_>, data: Option<Vec<u8>>) -> anyhow::Result<Status> {
        let context = self.inner.presentation_contexts().iter().find(|context| context.abstract_syntax == class);
        let context = context.with_context(|| format!("the peer does not take {class}"))?.id;
        self.last_message = self.last_message.wrapping_add(1);
        let value = |value_type, data| PDataValue { presentation_context_id: context, value_type, is_last: true, data };
        let command = encode::command(request, self.last_message);
        let mut values = vec![value(PDataValueType::Command, command)];
        values.extend(data.map(|data| value(PDataValueType::Data, data)));
        self.inner.send(&Pdu::PData { data: values }).await.context("a message cannot be sent")?;
        match self.inner.receive().await.context("no answer came")? {
            Pdu::PData { data } => {
                let status = data.first().and_then(|value| encode::status(&value.data));
                status.map(Status).context("an answer has no status")
            }
            Pdu::AbortRQ { .. } => bail!("the peer aborted the association"),
            Pdu::Unknown { .. }
            | Pdu::AssociationRQ(_)
            | Pdu::AssociationAC(_)
            | Pdu::AssociationRJ(_)
            | Pdu::ReleaseRQ
            | Pdu::ReleaseRP => bail!("the peer answered with something that is no answer"),
        }
    }
}
